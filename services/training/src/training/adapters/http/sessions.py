"""Routes by which a provider opens and cancels its sessions: one transaction, once for each idempotency key."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.ids import new_id
from chassis.runtime import Runtime, runtime_of
from training.adapters.geography import OfficialPlaces
from training.adapters.http.bodies import CancellationBody, SessionBody
from training.adapters.http.refusals import refusals
from training.adapters.http.repeats import attempt_of
from training.adapters.http.session_reading import WRITE, answer_to
from training.adapters.postgres.book import PostgresBook
from training.app.cancel_session import CancelSession, cancel_session
from training.app.open_session import OpenSession, open_session

Provider = Annotated[Caller, require(WRITE)]
Parts = Annotated[Runtime, Depends(runtime_of)]
RequiredKey = Annotated[str, Depends(idempotency.required_key)]
Key = Annotated[str | None, Depends(idempotency.optional_key)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    places = OfficialPlaces()

    @router.post("/sessions", status_code=201)
    async def open_one(
        request: Request, caller: Provider, key: RequiredKey, body: SessionBody, runtime: Parts
    ) -> JSONResponse:
        now = runtime.clock.now()
        attempt = await attempt_of(request, caller, vault, "POST /sessions", key)
        asked = OpenSession(caller.organisation_id, body.programme())
        with refusals():
            async with runtime.transaction() as tx:
                replay = await idempotency.claim(tx, attempt, now=now)
                if replay is not None:
                    return replay.response()
                session = await open_session(asked, places=places, book=PostgresBook(tx), new_id=new_id, now=now)
                answer, location = await answer_to(tx, session, caller, runtime), f"/sessions/{session.session_id}"
                await idempotency.remember(
                    tx, attempt, now=now, status=201, body=answer, resource_id=session.session_id, location=location
                )
        return JSONResponse(answer, 201, headers={"location": location})

    @router.post("/sessions/{session_id}/cancellation")
    async def cancel(
        session_id: UUID, request: Request, caller: Provider, key: Key, body: CancellationBody, runtime: Parts
    ) -> JSONResponse:
        asked = CancelSession(session_id, caller.organisation_id, body.reason)
        return await _cancel(request, runtime, vault, caller, key, asked)

    return router


async def _cancel(
    request: Request, runtime: Runtime, vault: Vault, caller: Caller, key: str | None, asked: CancelSession
) -> JSONResponse:
    now = runtime.clock.now()
    route = f"POST /sessions/{asked.session_id}/cancellation"
    attempt = None if key is None else await attempt_of(request, caller, vault, route, key)
    with refusals():
        async with runtime.transaction() as tx:
            if attempt is not None:
                replay = await idempotency.claim(tx, attempt, now=now)
                if replay is not None:
                    return replay.response()
            session = await cancel_session(asked, book=PostgresBook(tx), now=now)
            answer = await answer_to(tx, session, caller, runtime)
            if attempt is not None:
                await idempotency.remember(
                    tx, attempt, now=now, status=200, body=answer, resource_id=session.session_id
                )
    return JSONResponse(answer)
