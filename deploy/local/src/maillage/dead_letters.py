"""Events that a service could not handle: seen, corrected and handled again through its routes for operators.

Nothing here prints what an event holds. Its bytes go to a file that the operator names, and nowhere else.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maillage.api import Client, check
from maillage.errors import Refusal
from maillage.operators import READING_SERVICES
from maillage.settings import LocalSettings
from maillage.spoken import said

ROUTE = "/operations/dead-letters"

CORRECTION_BYTES_MAX = 190_000
"""What fits, in base64, into the 256 KiB that the services take."""

REFUSED = {
    "still_unreadable": "Ce fichier n'est pas non plus un événement lisible · this file is no readable event either",
    "another_event": "Ce fichier est un autre événement · this file is another event",
}

Tell = Callable[[dict[str, Any]], None]


async def of_services(
    settings: LocalSettings, client: Client, service: str | None, path: str, **params: Any
) -> list[dict[str, Any]]:
    """Ask one service, or each; one that does not answer is told with its reason and a remedy, beside the others'."""
    found = []
    for name in (service,) if service else READING_SERVICES:
        url = f"{settings.operations_url_of(name)}{ROUTE}{path}"
        try:
            found.append({"service": name, **await client.get(url, **params)})
        except Refusal as refusal:
            if service:
                raise
            silent = {"error": refusal.sentence, "remedy": said(settings, refusal.remedy)}
            found.append({"service": name, "items": [], **silent})
    return found


async def show(settings: LocalSettings, client: Client, service: str, letter_id: int) -> dict[str, Any]:
    """Return what may be shown of one letter."""
    shown: dict[str, Any] = check(await client.call("GET", _url(settings, service, letter_id)))
    return {"service": service, **shown}


async def save_value(settings: LocalSettings, client: Client, service: str, letter_id: int, path: Path) -> int:
    """Write an event's bytes to a new file that only its owner may read; return how many."""
    answer = await client.call(
        "GET", f"{_url(settings, service, letter_id)}/value", headers={"Maillage-Purpose": "dead-letter"}
    )
    if not answer.is_success:
        check(answer)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(answer.content)
    except OSError as error:
        raise Refusal(
            f"{path} ne peut pas être écrit ({error.strerror}) · cannot be written",
            "nommez un fichier qui n'existe pas encore · name a file that does not exist yet",
        ) from None
    return len(answer.content)


async def correct(
    settings: LocalSettings, client: Client, service: str, letter_id: int, path: Path, why: str
) -> dict[str, Any]:
    """Replace an event's bytes by those of a file; refuse when the service does not take them."""
    body = {"value": base64.b64encode(_read(path)).decode(), "why": why}
    answer = await client.call("POST", f"{_url(settings, service, letter_id)}/correction", json=body)
    if answer.status_code == 422:
        problem = answer.json()
        if problem.get("code") in REFUSED:
            # Names of fields and kinds of faults; the services put no value into it.
            raise Refusal(f"{REFUSED[problem['code']]} ({problem.get('detail')})", "rien n'a changé · nothing changed")
    corrected: dict[str, Any] = check(answer)
    return corrected


async def requeue_one(
    settings: LocalSettings, client: Client, service: str, letter_id: int, *, dry_run: bool, why: str | None
) -> dict[str, Any]:
    """Handle one letter again, and what waits behind it."""
    url = f"{_url(settings, service, letter_id)}/requeue"
    outcome = await client.post(url, _because({"dry_run": dry_run}, why))
    stopped = [{"letter_id": outcome["stopped_at"], "cause": outcome["stopped_by"]}] if outcome["stopped_by"] else []
    return {
        "keys": 1, "handled": outcome["handled"], "failed": len(stopped), "stopped": stopped, "waits_for": None,
        "dry_run": dry_run,
    }  # fmt: skip


async def requeue_many(
    settings: LocalSettings,
    client: Client,
    service: str,
    group: str | None,
    *,
    dry_run: bool,
    why: str | None,
    tell: Tell,
) -> dict[str, Any]:
    """Handle every key of a cause again, or all, page by page; stop where something does not answer."""
    url = f"{settings.operations_url_of(service)}{ROUTE}/requeue"
    which: dict[str, Any] = {"dry_run": dry_run, **({"group": group} if group else {"all": True})}
    whole: dict[str, Any] = {"keys": 0, "handled": 0, "failed": 0, "stopped": [], "waits_for": None}
    cursor: int | None = 0
    while cursor is not None:
        page = await client.post(url, _because({**which, "after": cursor}, why))
        for name in ("keys", "handled", "failed"):
            whole[name] += page[name]
        whole["stopped"] = (whole["stopped"] + page["stopped"])[:100]
        whole["waits_for"] = page["waits_for"]
        tell(whole)
        if page["waits_for"] is not None:
            break
        cursor = page["cursor"]
    return {**whole, "dry_run": dry_run}


def _because(body: dict[str, Any], why: str | None) -> dict[str, Any]:
    return {**body, "why": why} if why else body


def _url(settings: LocalSettings, service: str, letter_id: int) -> str:
    return f"{settings.operations_url_of(service)}{ROUTE}/{letter_id}"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(CORRECTION_BYTES_MAX + 1)
    except OSError as error:
        raise Refusal(f"{path} ne peut pas être lu ({error.strerror}) · cannot be read") from None
    if len(content) > CORRECTION_BYTES_MAX:
        raise Refusal(
            f"{path} dépasse {CORRECTION_BYTES_MAX // 1000} ko · larger than what the services take",
            "un événement si grand n'a pas pu être abîmé à la main · corrigez le service qui l'a écrit",
        )
    return content
