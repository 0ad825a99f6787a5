"""Try a proposed schema, or a partner's own validator, on the last days of that partner's stream.

Events are read from `GET /feed/export`, one after another: memory does not grow with them. What is reported are types,
paths, rules and counts, never what an event holds.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from maillage_contracts.errors import ContractError
from maillage_contracts.shadow_validator import try_validator

TIMEOUT = httpx.Timeout(10, read=60)


class CannotShadow(Exception):
    """The trial could not be made; its message says why, in French and English."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose stream is read, and how far back."""

    url: str
    client_id: str
    client_secret: str
    days: int


def shadow_run(
    source: Source, schema: Path | None, command: str, *, quiet: bool, transport: httpx.BaseTransport | None = None
) -> dict[str, Any]:
    """Return what the proposal would have refused of the stream's last days; raises CannotShadow."""
    try:
        with (
            httpx.Client(base_url=source.url, timeout=TIMEOUT, transport=transport) as http,
            _events(http, source, quiet=quiet) as lines,
        ):
            return _by_command(command, lines) if schema is None else _by_schema(schema, lines)
    except httpx.HTTPStatusError as error:
        raise CannotShadow(f"L'API a refusé · the API refused: {error.response.status_code}") from None
    except httpx.HTTPError as error:
        raise CannotShadow(f"La lecture s'est interrompue · reading broke off: {type(error).__name__}") from None
    except (ContractError, ImportError, OSError) as error:
        raise CannotShadow(str(error)) from None
    except ValueError:
        raise CannotShadow("Le fichier n'est pas du JSON · the file is no JSON") from None


@contextmanager
def _events(http: httpx.Client, source: Source, *, quiet: bool) -> Iterator[Iterator[str]]:
    asked = {"grant_type": "client_credentials"}
    answer = http.post("/oauth/token", data=asked, auth=(source.client_id, source.client_secret)).raise_for_status()
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    today = datetime.now(UTC).date()
    period = {"from": str(today - timedelta(days=source.days - 1)), "to": str(today)}
    known = http.get("/feed/digest", params=period, headers=headers).raise_for_status().json()["days"]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, console=Console(stderr=True), disable=quiet) as progress,
        http.stream("GET", "/feed/export", params={"format": "jsonl", **period}, headers=headers) as export,
    ):
        export.raise_for_status()
        task = progress.add_task("Événements · events", total=sum(day["count"] for day in known))

        def lines() -> Iterator[str]:
            for line in export.iter_lines():
                yield line
                progress.advance(task)

        yield lines()


def _by_schema(schema: Path, lines: Iterator[str]) -> dict[str, Any]:
    from maillage_contracts.shadow import shadow

    proposed = json.loads(schema.read_bytes())
    found = shadow(proposed, lines)
    kind = str(proposed.get("$id")).rpartition(":")[2]
    return {
        "events": found.events,
        "refused": found.refused,
        "places": [{"type": kind, "path": place, "events": count} for place, count in found.places.most_common()],
        "findings": [str(finding) for finding in found.findings],
        "harmless": found.harmless,
    }


def _by_command(command: str, lines: Iterator[str]) -> dict[str, Any]:
    found = try_validator(shlex.split(command), lines)
    return {
        "events": found.events.total(),
        "refused": found.refused.total(),
        "places": [{"type": kind, "path": path, "events": count} for (kind, path), count in found.places.most_common()],
        "findings": [],
        "harmless": found.harmless,
    }
