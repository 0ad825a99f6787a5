"""Push what a reload would show: the same fragment, drawn by the same template, when the story has changed.

Each event's id is the position in the organisation's feed: a browser that reconnects with it gets what it missed,
or the present state when that is too long ago.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from chassis.admission import step_aside
from portal.adapters.csrf import csrf_of
from portal.adapters.http.accompaniments import accompaniment_values
from portal.adapters.http.browser import SESSION_COOKIE, language_of, shell_of, signed_in
from portal.adapters.http.referrals import referral_values
from portal.app.follow_feed import Follower
from portal.domain.errors import AccessLost, NotFound, ServiceSilent
from portal.domain.member import Section, Session

router = APIRouter()

HEARTBEAT_SECONDS = 15.0
"""Proxies close what is silent for 30 to 60 s; the session is checked again at the same pace."""

RETRY_MILLISECONDS = 2000
SUGGESTIONS_MAX = 12
QUERY_CHARS_MAX = 60

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """What an open page shows: the referral whose story it is part of, and how to read and draw it."""

    referral_id: UUID
    template: str
    read: Callable[[], Awaitable[Values]]


@router.get("/orientations/{referral_id}/flux", dependencies=[Depends(step_aside)])
async def live_referral(request: Request, referral_id: UUID, vu: str = "", apres: str = "") -> Response:
    session = await signed_in(request, Section.REFERRALS)
    shell, code = shell_of(request), session.member.organisation_code

    async def read() -> Values:
        return referral_values(session, await shell.desk.read(session.member, referral_id))

    after = request.headers.get("last-event-id") or apres
    missed = shell.hub.changed_since(code, after)
    first: Values | None = None
    if missed is None or referral_id in missed:
        # Taken before the read, and read before answering: somebody else's referral is a 404, not a silent stream.
        after = shell.hub.position(code)
        first = await read()
    return _stream(Live(request, session, Watched(referral_id, "referral_live.html", read), vu).events(first, after))


@router.get("/accompagnements/{accompaniment_id}/flux", dependencies=[Depends(step_aside)])
async def live_accompaniment(request: Request, accompaniment_id: UUID, vu: str = "") -> Response:
    session = await signed_in(request, Section.ACCOMPANIMENTS)
    shell = shell_of(request)

    async def read() -> Values:
        found = await shell.accompaniments.read(session.member, accompaniment_id)
        return accompaniment_values(session, found, shell.clock.now())

    # Always read first: it says which referral to follow.
    position = shell.hub.position(session.member.organisation_code)
    first = await read()
    watched = Watched(first["line"].referral_id, "accompaniment_live.html", read)
    return _stream(Live(request, session, watched, vu).events(first, position))


def _stream(events: AsyncIterator[str]) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


class Live:
    """One open page."""

    def __init__(self, request: Request, session: Session, watched: Watched, seen: str) -> None:
        self._request = request
        self._session = session
        self._watched = watched
        self._seen = seen

    async def events(self, first: Values | None, after: str) -> AsyncIterator[str]:
        """Yield server-sent events until the browser leaves or the session ends."""
        hub, code = shell_of(self._request).hub, self._session.member.organisation_code
        yield f"retry: {RETRY_MILLISECONDS}\n\n"
        async with hub.follow(self._session.member) as follower:
            if first is not None and (event := await self._event(first, after)) is not None:
                yield event
            # What changed between the read and this moment. Without a position the poll has only just begun, from
            # before the read: it tells by itself.
            missed = hub.changed_since(code, after) if after else frozenset()
            if self._concerns(missed) and (event := await self._read(hub.position(code))):
                yield event
            while await self._still_signed_in():
                yield await self._next(follower)

    def _concerns(self, changed: frozenset[UUID] | None) -> bool:
        return changed is None or self._watched.referral_id in changed

    async def _next(self, follower: Follower) -> str:
        change = await follower.next(HEARTBEAT_SECONDS)
        if change is None:
            return ": \n\n"
        cursor, changed = change
        concerned = self._concerns(changed) or follower.behind
        follower.behind = False
        event = await self._read(cursor) if concerned else None
        return event or f"id: {cursor}\n: \n\n"

    async def _read(self, cursor: str) -> str | None:
        try:
            values = await self._watched.read()
        except (ServiceSilent, NotFound, AccessLost):
            return None
        return await self._event(values, cursor)

    async def _event(self, shown: Values, cursor: str) -> str | None:
        """Return the event that shows the present state, or None when the page shows it or may no longer."""
        if shown["seen"] == self._seen:
            return None
        # Since the last check a change was waited for, and read: the member may have signed out meanwhile.
        if not await self._still_signed_in():
            return None
        self._seen = shown["seen"]
        csrf = csrf_of(self._request.cookies.get(SESSION_COOKIE, ""))
        values = {"session": self._session, "csrf": csrf, **shown}
        html = shell_of(self._request).render(self._watched.template, language_of(self._request), values)
        identity = f"id: {cursor}\n" if cursor else ""
        lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
        return f"{identity}event: suivi\n{lines}\n"

    async def _still_signed_in(self) -> bool:
        shell = shell_of(self._request)
        try:
            token = self._request.cookies.get(SESSION_COOKIE, "")
            return await shell.sessions.find(token, now=shell.clock.now()) is not None
        except ServiceSilent:
            return True


@router.get("/communes")
async def communes(request: Request, q: str = "") -> Response:
    """Suggest communes while the place is typed; the form understands each suggestion as it stands."""
    await signed_in(request)
    found = shell_of(request).communes.suggest(q[:QUERY_CHARS_MAX], SUGGESTIONS_MAX) if len(q) > 1 else ()
    return JSONResponse([one.label for one in found], headers={"Cache-Control": "private, max-age=3600"})
