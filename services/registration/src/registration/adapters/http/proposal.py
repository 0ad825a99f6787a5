"""The route that proposes an appointment: one transaction, once for each idempotency key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.ids import new_id
from chassis.runtime import Runtime, runtime_of
from registration.adapters.http import answers
from registration.adapters.http.bodies import ProposalBody
from registration.adapters.http.commands import ACT_PURPOSE
from registration.adapters.http.refusals import refusals
from registration.adapters.http.repeats import answer_again, attempt_of, remember
from registration.adapters.organisations import DirectoryOrganisations
from registration.adapters.postgres.appointments import PostgresAppointments
from registration.adapters.reads import ACCOMPANIMENT, refusals_recorded
from registration.app.propose_appointment import ProposeAppointment, propose_appointment, reach_accompaniment
from registration.domain.appointment_table import Actor

ROUTE = "POST /appointments"

Pair = Annotated[Caller, require("appointments:act")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Key = Annotated[str, Depends(idempotency.required_key)]


def routes(vault: Vault) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.post("/appointments", status_code=201)
    async def propose(request: Request, caller: Pair, key: Key, body: ProposalBody, runtime: Parts) -> JSONResponse:
        now = runtime.clock.now()
        attempt = await attempt_of(request, caller, vault, ROUTE, key)
        asked = ProposeAppointment(
            appointment_id=new_id(),
            organiser_id=caller.organisation_id,
            modality=body.modality,
            duration_minutes=body.duration_minutes,
            options=tuple(body.options),
            place=body.place,
        )
        recorded = refusals_recorded(runtime, caller, ACCOMPANIMENT, ACT_PURPOSE, body.accompaniment_id)
        with refusals():
            async with recorded, runtime.transaction() as tx:
                appointments, directory = PostgresAppointments(tx, vault), DirectoryOrganisations(tx)
                # Before a repeat is answered: what was told the first time may be out of reach now.
                whose = await reach_accompaniment(
                    body.accompaniment_id, caller.organisation_id, appointments=appointments, organisations=directory
                )
                replay = await idempotency.claim(tx, attempt, now=now)
                if replay is not None:
                    return await answer_again(tx, replay, vault, caller.organisation_id, now=now)
                made = await propose_appointment(asked, whose, appointments=appointments, now=now)
                organisations = await directory.named([made.organiser_id])
                answer = answers.appointment(made, organisations, Actor.ORGANISER, now)
                location = f"/appointments/{made.appointment_id}"
                await remember(tx, attempt, now=now, status=201, answer=answer, location=location)
        return JSONResponse(answer, 201, headers={"location": location, "cache-control": "no-store"})

    return router
