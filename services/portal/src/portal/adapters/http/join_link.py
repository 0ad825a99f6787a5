"""What the link mailed to a contact opens: confirm, follow the request, see the access once, and try it.

As on a person's page the token is a secret of the address alone: it goes to the partners service in a header, and
into no title, other address, log or span. Forms carry no token of ours: who can write the address already holds the
link.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import new_id
from portal.adapters.http.browser import (
    JOIN_PREFIX,
    LANGUAGE_COOKIE,
    LANGUAGE_SECONDS,
    link_address,
    read_form,
    set_cookie,
    shell_of,
)
from portal.adapters.http.commands import commands
from portal.adapters.http.package import package_address
from portal.adapters.http.pages import go, page
from portal.adapters.http.words import LANGUAGES
from portal.domain.errors import Conflict, Gone, Refused, TooMany
from portal.domain.joining import JoinState, ProgramAccess

router = APIRouter(prefix=JOIN_PREFIX + "{token}")

SEEN_SECONDS, LOOKS = 3.0, 12
"""How long, and in how many looks, a test referral is waited for before the page is drawn without it."""

TESTS_SPENT = "too_many_test_events"
"""The partners service's word for a request that has had all the tests it may have."""

TOLD = ("essai", "attente", "limite", "trop", "montre", "change")


@router.get("")
async def request_page(request: Request, token: str, fait: str = "") -> Response:
    return _draw(request, await shell_of(request).partners.join.read(token), told=fait if fait in TOLD else "")


def _draw(request: Request, one: JoinState, *, told: str = "") -> Response:
    return page(
        request,
        "join_request.html",
        one=one,
        told=told,
        form_key=str(new_id()),
        commands=commands(one.access, package_address(request)) if one.access is not None else (),
    )


@router.get("/langue")
async def language(request: Request, token: str, choix: str = "") -> Response:
    response = go(link_address(request))
    if choix in LANGUAGES:
        set_cookie(response, request, LANGUAGE_COOKIE, choix, LANGUAGE_SECONDS)
    return response


@router.post("/confirmation")
async def confirmed(request: Request, token: str) -> Response:
    """Confirm; opening the link alone does not, since programs open the links of mails."""
    desk, here = shell_of(request).partners.join, link_address(request)
    try:
        await desk.confirm(token)
    except (Conflict, Refused):
        return go(f"{here}?fait=change")
    return go(here)


@router.get("/acces")
async def shown_before(request: Request, token: str) -> Response:
    """Whoever reloads the page of the access, or comes back to it, is told where they stand."""
    return go(link_address(request))


@router.post("/acces")
async def access(request: Request, token: str) -> Response:
    """Show the access, once; pressing twice shows it twice, to whoever pressed."""
    shell, form = shell_of(request), await read_form(request)

    async def ask() -> ProgramAccess:
        return await shell.partners.join.credentials(token)

    try:
        found = await shell.partners.once.answer(token, form.get("cle") or str(new_id()), make=ask)
    except (Gone, Conflict, Refused):
        return go(f"{link_address(request)}?fait=montre")
    return page(request, "join_access.html", access=found, commands=commands(found, package_address(request)))


@router.post("/essai")
async def test_event(request: Request, token: str) -> Response:
    """Have a test referral sent, and come back once it stands in the organisation's stream."""
    desk, here = shell_of(request).partners.join, link_address(request)
    try:
        sent = await desk.test_event(token)
    except TooMany:
        return go(f"{here}?fait=limite#essai")
    except (Conflict, Refused) as refused:
        return go(f"{here}?fait={'trop' if refused.code == TESTS_SPENT else 'change'}#essai")
    for _ in range(LOOKS):
        if sent in {event.event_id for event in (await desk.read(token)).test_events}:
            return go(f"{here}?fait=essai#essai")
        await asyncio.sleep(SEEN_SECONDS / LOOKS)
    return go(f"{here}?fait=attente#essai")
