"""The person's own pages, opened by a link and nothing else: their appointment, what was shared, and their erasure.

The link's token is a secret that stands in the address of these pages alone. It is sent to the registration service in
a header; it goes into no title, no other address, no log and no span, and these pages tell no site where a click came
from. Their forms carry no token of ours: who can write the address already holds the link.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from portal.adapters.http.browser import (
    LANGUAGE_COOKIE,
    LANGUAGE_SECONDS,
    PERSON_PREFIX,
    link_address,
    read_form,
    set_cookie,
    shell_of,
)
from portal.adapters.http.pages import go, page
from portal.adapters.http.words import LANGUAGES
from portal.domain.appointment import OwnAppointment, Shared
from portal.domain.dates import instant, instead_of, seen
from portal.domain.draft import Fault
from portal.domain.errors import Conflict, Refused, ServiceSilent

router = APIRouter(prefix=PERSON_PREFIX + "{token}")

NONE = "aucune"
"""The choice of somebody whom no offered date suits."""

DONE = ("date", "report", "annulation")


@router.get("")
async def own(request: Request, token: str, fait: str = "", change: str = "") -> Response:
    found = await shell_of(request).person_desk.read(token)
    return await _draw(request, token, found, done=fait if fait in DONE else "", just_changed=change == "oui")


async def _draw(
    request: Request, token: str, found: OwnAppointment, *, done: str = "", just_changed: bool = False,
    faults: tuple[Fault, ...] = (),
) -> Response:  # fmt: skip
    now = shell_of(request).clock.now()
    return page(
        request,
        "own.html",
        status=422 if faults else 200,
        one=found,
        past=found.starts_at is not None and found.starts_at <= now,
        choices=[(key_of(token, date), date) for date in found.open_dates(now)],
        neither=NONE,
        sharing=await _sharing(request, token),
        done=done,
        just_changed=just_changed,
        faults=faults,
    )


async def _sharing(request: Request, token: str) -> Sequence[Shared] | None:
    """Return what was shared, or None when that cannot be read now: the appointment is shown all the same."""
    try:
        return await shell_of(request).person_desk.sharing(token)
    except ServiceSilent:
        return None


def key_of(token: str, date: datetime) -> str:
    """Return what stands for a date in an address: it says the date to nobody who does not hold the link."""
    return sha256(f"{token} {instant(date)}".encode()).hexdigest()[:12]


def chosen_date(token: str, found: OwnAppointment, key: str, now: datetime) -> datetime | None:
    """Return the offered date that a key stands for, if it still can be chosen."""
    return next((date for date in found.open_dates(now) if key_of(token, date) == key), None)


@router.get("/langue")
async def language(request: Request, token: str, choix: str = "") -> Response:
    response = go(link_address(request))
    if choix in LANGUAGES:
        set_cookie(response, request, LANGUAGE_COOKIE, choix, LANGUAGE_SECONDS)
    return response


@router.get("/choix")
async def choice(request: Request, token: str, date: str = "") -> Response:
    """Show the chosen date again, before anything changes."""
    shell = shell_of(request)
    found = await shell.person_desk.read(token)
    chosen = chosen_date(token, found, date, shell.clock.now())
    if not found.choosing:
        return go(f"{link_address(request)}?change=oui")
    if chosen is None and not (date == NONE and found.choosing == "postponement"):
        if date:
            return go(f"{link_address(request)}?change=oui")
        return await _draw(request, token, found, faults=(Fault("date", "fault.own_date"),))
    return page(request, "own_choice.html", one=found, chosen=chosen, key=date, seen=seen(found.starts_at))


@router.post("/choix")
async def chosen(request: Request, token: str) -> Response:
    form, shell, here = await read_form(request), shell_of(request), link_address(request)
    found = await shell.person_desk.read(token)
    date = chosen_date(token, found, form.get("date"), shell.clock.now())
    if not found.choosing or (date is None and form.get("date") != NONE):
        # Pressed twice: the date is no longer one to choose, it is the one agreed.
        agreed = found.starts_at is not None and key_of(token, found.starts_at) == form.get("date")
        return go(f"{here}?fait=date" if agreed else f"{here}?change=oui")
    if form.get("vu") != seen(found.starts_at):
        return go(f"{here}?change=oui")
    body = instead_of(found.starts_at) | ({"starts_at": instant(date)} if date is not None else {})
    try:
        await shell.person_desk.command(token, found.choosing, body)
    except (Conflict, Refused):
        return go(f"{here}?change=oui")
    return go(f"{here}?fait={'date' if date is not None else 'report'}")


@router.get("/annulation")
async def cancelling(request: Request, token: str) -> Response:
    found = await shell_of(request).person_desk.read(token)
    if "cancellation" not in found.can:
        return go(f"{link_address(request)}?change=oui")
    return page(request, "own_cancel.html", one=found, seen=seen(found.starts_at))


@router.post("/annulation")
async def cancelled(request: Request, token: str) -> Response:
    form, desk, here = await read_form(request), shell_of(request).person_desk, link_address(request)
    found = await desk.read(token)
    if form.get("vu") != seen(found.starts_at):
        return go(f"{here}?change=oui")
    try:
        await desk.command(token, "cancellation", instead_of(found.starts_at))
    except (Conflict, Refused):
        return go(f"{here}?change=oui")
    return go(f"{here}?fait=annulation")


@router.get("/effacement")
async def erasing(request: Request, token: str) -> Response:
    """Say what would be erased, and what cannot be undone, before anything is."""
    return page(request, "own_erase.html", one=await shell_of(request).person_desk.read(token))


@router.post("/effacement")
async def erased(request: Request, token: str) -> Response:
    # The link leads nowhere from now on: its page says that it is done, as often as it is opened.
    await shell_of(request).person_desk.erase(token)
    return go(link_address(request))
