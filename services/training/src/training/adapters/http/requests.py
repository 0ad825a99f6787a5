"""The route that asks for a seat: one transaction, once for each idempotency key and for each action and session."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.ids import new_id
from chassis.runtime import Runtime, runtime_of
from training.adapters.http.bodies import EnrolmentBody
from training.adapters.http.enrolment_reading import answer_to
from training.adapters.http.refusals import refusals
from training.adapters.organisations import DirectoryOrganisations
from training.adapters.postgres.accompaniments import PostgresAccompaniments
from training.adapters.postgres.book import PostgresBook
from training.app.request_enrolment import RequestEnrolment, reach_accompaniment, request_enrolment

ROUTE = "POST /enrolments"

Side = Annotated[Caller, require("enrolments:act")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Key = Annotated[str, Depends(idempotency.required_key)]


def routes(vault: Vault) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.post("/enrolments", status_code=201)
    async def ask(request: Request, caller: Side, key: Key, body: EnrolmentBody, runtime: Parts) -> JSONResponse:
        now = runtime.clock.now()
        attempt = await idempotency.attempt_of(request, caller, vault, ROUTE, key)
        asked = RequestEnrolment(caller.organisation_id, body.accompaniment_id, body.action_id, body.session_id)
        with refusals():
            async with runtime.transaction() as tx:
                # Before a repeat is answered: what was told the first time may be out of reach now.
                whose = await reach_accompaniment(
                    asked.accompaniment_id,
                    caller.organisation_id,
                    accompaniments=PostgresAccompaniments(tx, vault),
                    organisations=DirectoryOrganisations(tx),
                )
                replay = await idempotency.claim(tx, attempt, now=now)
                if replay is not None:
                    return replay.response()
                done = await request_enrolment(asked, whose, book=PostgresBook(tx), new_id=new_id, now=now)
                answer = await answer_to(tx, done.enrolment_id, caller, runtime)
                status, location = (201 if done.is_new else 200), f"/enrolments/{done.enrolment_id}"
                await idempotency.remember(
                    tx, attempt, now=now, status=status, body=answer, resource_id=done.enrolment_id, location=location
                )
        return JSONResponse(answer, status, headers={"location": location})

    return router
