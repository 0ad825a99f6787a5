"""The routes by which the organisations concerned act on an enrolment.

A repeat with the same idempotency key is answered as the first time; without a key, a command that is no longer
possible is 409, also when it is the same as the last one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from training.adapters.http import answers
from training.adapters.http.bodies import EarlyEndBody, EmptyBody, RefusalBody
from training.adapters.http.enrolment_reading import answer_to
from training.adapters.http.refusals import refusals
from training.adapters.organisations import DirectoryOrganisations
from training.adapters.postgres.book import PostgresBook
from training.app.decide_enrolment import DecideEnrolment, decide_enrolment, reach_enrolment
from training.domain.status import ROUTES, Command

Concerned = Annotated[Caller, require("enrolments:act")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Key = Annotated[str | None, Depends(idempotency.optional_key)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/enrolments/{enrolment_id}/confirmation")
    async def confirmation(
        enrolment_id: UUID, request: Request, caller: Concerned, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(enrolment_id, caller, Command.CONFIRMATION))

    @router.post("/enrolments/{enrolment_id}/refusal")
    async def refusal(
        enrolment_id: UUID, request: Request, caller: Concerned, key: Key, runtime: Parts, body: RefusalBody
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(enrolment_id, caller, body.command()))

    @router.post("/enrolments/{enrolment_id}/withdrawal")
    async def withdrawal(
        enrolment_id: UUID, request: Request, caller: Concerned, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(enrolment_id, caller, Command.WITHDRAWAL))

    @router.post("/enrolments/{enrolment_id}/start")
    async def start(
        enrolment_id: UUID, request: Request, caller: Concerned, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(enrolment_id, caller, Command.START))

    @router.post("/enrolments/{enrolment_id}/completion")
    async def completion(
        enrolment_id: UUID, request: Request, caller: Concerned, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(enrolment_id, caller, Command.COMPLETION))

    @router.post("/enrolments/{enrolment_id}/early-end")
    async def early_end(
        enrolment_id: UUID, request: Request, caller: Concerned, key: Key, runtime: Parts, body: EarlyEndBody
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(enrolment_id, caller, body.command()))

    return router


def _asked(enrolment_id: UUID, caller: Caller, command: Command) -> DecideEnrolment:
    return DecideEnrolment(enrolment_id, caller.organisation_id, command)


async def _decide(
    request: Request, runtime: Runtime, vault: Vault, caller: Caller, key: str | None, asked: DecideEnrolment
) -> JSONResponse:
    now = runtime.clock.now()
    route = f"POST /enrolments/{asked.enrolment_id}/{ROUTES[asked.command]}"
    attempt = None if key is None else await idempotency.attempt_of(request, caller, vault, route, key)
    with refusals():
        async with runtime.transaction() as tx:
            book = PostgresBook(tx)
            # Before a repeat is answered: what was told the first time may be out of reach now.
            reached = await reach_enrolment(asked, book=book, organisations=DirectoryOrganisations(tx))
            answer = answers.unread(asked.enrolment_id)
            if attempt is not None:
                replay = await idempotency.claim(tx, attempt, now=now)
                if replay is not None:
                    return (replay if reached.within else replace(replay, body=answer)).response()
            await decide_enrolment(reached, asked.command, book=book, now=now)
            if reached.within:
                answer = await answer_to(tx, asked.enrolment_id, caller, runtime)
            if attempt is not None:
                await idempotency.remember(
                    tx, attempt, now=now, status=200, body=answer, resource_id=asked.enrolment_id
                )
    return JSONResponse(answer)
