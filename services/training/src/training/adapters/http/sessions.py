"""Routes of sessions: open, cancel, list, read."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.ids import new_id
from chassis.runtime import Runtime, runtime_of
from training.adapters.geography import OfficialPlaces
from training.adapters.http import answers
from training.adapters.http.bodies import CancellationBody, SessionBody
from training.adapters.http.cursor import CHARACTERS_MAX, read_cursor, write_cursor
from training.adapters.http.refusals import refusals
from training.adapters.http.repeats import attempt_of
from training.adapters.organisations import DirectoryOrganisations
from training.adapters.postgres.book import PostgresBook
from training.adapters.postgres.reading import PostgresDossiers
from training.app.cancel_session import CancelSession, cancel_session
from training.app.list_sessions import ListSessions, list_sessions
from training.app.open_session import OpenSession, open_session
from training.domain.errors import NotFound
from training.domain.session import Session

PAGE_MAX = 100
PAGE_DEFAULT = 50
THEME_PATTERN = r"^[a-z0-9-]{1,60}--[a-z0-9-]{1,80}$"
WRITE = "sessions:write"

Provider = Annotated[Caller, require(WRITE)]
Reader = Annotated[Caller, require("sessions:read")]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    places = OfficialPlaces()

    @router.post("/sessions", status_code=201)
    async def open_one(
        request: Request,
        caller: Provider,
        key: Annotated[str, Depends(idempotency.required_key)],
        body: SessionBody,
        runtime: Parts,
    ) -> JSONResponse:
        now = runtime.clock.now()
        attempt = await attempt_of(request, caller, vault, "POST /sessions", key)
        with refusals():
            async with runtime.transaction() as tx:
                replay = await idempotency.claim(tx, attempt, now=now)
                if replay is not None:
                    return replay.response()
                session = await open_session(
                    OpenSession(caller.organisation_id, body.programme()),
                    places=places,
                    book=PostgresBook(tx),
                    new_id=new_id,
                    now=now,
                )
                answer = await _answer(tx, session, caller, runtime)
                location = f"/sessions/{session.session_id}"
                await idempotency.remember(
                    tx, attempt, now=now, status=201, body=answer, resource_id=session.session_id, location=location
                )
        return JSONResponse(answer, 201, headers={"location": location})

    @router.post("/sessions/{session_id}/cancellation")
    async def cancel(
        session_id: UUID,
        request: Request,
        caller: Provider,
        key: Annotated[str | None, Depends(idempotency.optional_key)],
        body: CancellationBody,
        runtime: Parts,
    ) -> JSONResponse:
        now = runtime.clock.now()
        route = f"POST /sessions/{session_id}/cancellation"
        attempt = None if key is None else await attempt_of(request, caller, vault, route, key)
        with refusals():
            async with runtime.transaction() as tx:
                if attempt is not None:
                    replay = await idempotency.claim(tx, attempt, now=now)
                    if replay is not None:
                        return replay.response()
                asked = CancelSession(session_id, caller.organisation_id, body.reason)
                session = await cancel_session(asked, book=PostgresBook(tx), now=now)
                answer = await _answer(tx, session, caller, runtime)
                if attempt is not None:
                    await idempotency.remember(tx, attempt, now=now, status=200, body=answer, resource_id=session_id)
        return JSONResponse(answer)

    @router.get("/sessions")
    async def list_upcoming(
        caller: Reader,
        runtime: Parts,
        response: Response,
        theme: Annotated[str | None, Query(pattern=THEME_PATTERN)] = None,
        commune: Annotated[str | None, Query(min_length=1, max_length=10)] = None,
        after: Annotated[str | None, Query(max_length=CHARACTERS_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    ) -> dict[str, Any]:
        now = runtime.clock.now()
        response.headers["cache-control"] = "no-store"
        with refusals():
            place = None if commune is None else places.find(commune)
            asked = ListSessions(theme, None if place is None else place.code, read_cursor(after), limit)
            async with runtime.db.transaction() as tx:
                found = await list_sessions(
                    asked, dossiers=PostgresDossiers(tx), organisations=DirectoryOrganisations(tx), now=now
                )
        acting = caller.organisation_id if WRITE in caller.scopes else None
        return answers.session_page(found, acting, write_cursor(found.following), now)

    @router.get("/sessions/{session_id}")
    async def read_one(session_id: UUID, caller: Reader, runtime: Parts, response: Response) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        with refusals():
            async with runtime.db.transaction() as tx:
                session = await PostgresDossiers(tx).session(session_id)
                if session is None:
                    raise NotFound
                return await _answer(tx, session, caller, runtime)

    return router


async def _answer(tx: Tx, session: Session, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    named = await DirectoryOrganisations(tx).named([session.organisation_id])
    by = session.quality_of(caller.organisation_id) if WRITE in caller.scopes else frozenset()
    return answers.session(session, named, by, runtime.clock.now())
