"""Routes that read sessions: those that can be asked for, and one of any status. Nothing in them is personal."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from chassis.auth import Caller, require
from chassis.db import Tx
from chassis.runtime import Runtime, runtime_of
from training.adapters.geography import OfficialPlaces
from training.adapters.http import answers
from training.adapters.http.cursor import CHARACTERS_MAX, read_cursor, write_cursor
from training.adapters.http.refusals import refusals
from training.adapters.organisations import DirectoryOrganisations
from training.adapters.postgres.reading import PostgresDossiers
from training.app.list_sessions import ListSessions, list_sessions
from training.domain.errors import NotFound
from training.domain.session import Session
from training.domain.status import Actor

PAGE_MAX = 100
PAGE_DEFAULT = 50
THEME_PATTERN = r"^[a-z0-9-]{1,60}--[a-z0-9-]{1,80}$"
WRITE = "sessions:write"

Reader = Annotated[Caller, require("sessions:read")]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    places = OfficialPlaces()

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
            code = None if commune is None else places.find(commune).code
            asked = ListSessions(theme, code, caller.sandbox, read_cursor(after), limit)
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
                return await answer_to(tx, session, caller, runtime)

    return router


async def answer_to(tx: Tx, session: Session, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Return the document of a session, with what the caller may do."""
    named = await DirectoryOrganisations(tx).named([session.organisation_id])
    by = session.quality_of(caller.organisation_id) if WRITE in caller.scopes else frozenset[Actor]()
    return answers.session(session, named, by, runtime.clock.now())
