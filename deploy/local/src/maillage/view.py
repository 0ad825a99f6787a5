"""What `maillage status` shows: the supervisor's file, checked against what answers at this moment."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from maillage import elsewhere
from maillage.api import http_client
from maillage.demo import Demo
from maillage.processes import Identity
from maillage.services import not_ready_because, readiness
from maillage.settings import LocalSettings
from maillage.status_file import PartStatus, Snapshot, StatusFile

CONNECT_SECONDS = 2.0


def snapshot(settings: LocalSettings) -> Snapshot | None:
    """Return the last status of a supervisor that still lives; every part stopped when it does not; None before any."""
    found = StatusFile(settings.run_dir / "status.json").read()
    if found is None:
        return None
    return found if found.supervisor.alive() else found.without_processes()


def running(settings: LocalSettings) -> bool:
    """Tell whether a supervisor lives in this data folder."""
    found = snapshot(settings)
    return found is not None and found.supervisor.alive()


def document(settings: LocalSettings) -> dict[str, Any]:
    """Return what runs: here, or where the settings name services."""
    if settings.elsewhere:
        return elsewhere.document(settings)
    found = snapshot(settings)
    alive = found is not None and found.supervisor.alive()
    parts = found.parts if found is not None else ()
    if alive and found is not None:
        parts = asyncio.run(_check_all(parts, found.boot))
    answer: dict[str, Any] = {
        "looked_at": "here",
        "running": alive,
        "ready": alive and found is not None and found.ready and all(part.ready or part.optional for part in parts),
        "supervisor_pid": found.supervisor_pid if alive and found is not None else None,
        "data_dir": str(settings.data_dir),
        "mail_url": f"{settings.desk_url}/mail" if settings.has_desk else None,
        "traces_url": next((f"{p.url}/zipkin/" for p in parts if p.name == "zipkin" and p.ready), None),
        "portal_url": next((part.url for part in parts if part.name == "portal"), settings.url_of("portal")),
        "parts": [part.shown() for part in parts],
    }
    if settings.stack != "site":
        answer["demonstration"] = Demo.load(settings).document()
    return answer


async def _check_all(parts: tuple[PartStatus, ...], boot: str) -> tuple[PartStatus, ...]:
    async with http_client(CONNECT_SECONDS) as http:
        return tuple(await asyncio.gather(*(_check(part, boot, http) for part in parts)))


async def _check(part: PartStatus, boot: str, http: httpx.AsyncClient) -> PartStatus:
    """Correct what the supervisor wrote by what answers now: a part may have died or lost its database since."""
    if part.state == "external":
        return replace(part, ready=True)
    if part.pid is None or part.started is None or not Identity(part.pid, part.started, boot).alive():
        return replace(part, ready=False, pid=None)
    if part.kind == "server":
        return replace(part, ready=await asyncio.to_thread(_accepts, part.url))
    try:
        health = await readiness(http, part.url)
    except (httpx.HTTPError, ValueError):
        return replace(part, ready=False, reason=elsewhere.NO_ANSWER)
    ready, version = health.get("ready") is True, str(health.get("version") or part.version)
    return replace(part, ready=ready, version=version, reason="" if ready else not_ready_because(health))


def _accepts(url: str) -> bool:
    where = urlsplit(url)
    try:
        with socket.create_connection((where.hostname or "127.0.0.1", where.port or 0), CONNECT_SECONDS):
            return True
    except OSError:
        return False
