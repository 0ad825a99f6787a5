"""The routes by which the two organisations act on an appointment; none of them says who the person is.

A repeat with the same idempotency key is answered as the first time, except a postponement, which keeps no key; without
one, a command that is no longer possible is 409, also when it is the same as the last one.
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
from registration.adapters.http import answers
from registration.adapters.http.bodies import (
    BookingBody,
    CancellationBody,
    EmptyBody,
    OptionsBody,
    PostponementBody,
    cancellation,
    postponement,
)
from registration.adapters.http.refusals import refusals
from registration.adapters.http.repeats import answer_again, attempt_of, remember
from registration.adapters.organisations import DirectoryOrganisations
from registration.adapters.postgres.appointments import PostgresAppointments
from registration.adapters.reads import APPOINTMENT, refusals_recorded
from registration.app.change_appointment import change_appointment, reach_appointment
from registration.domain.appointment import Ask
from registration.domain.appointment_table import Command

ACT_PURPOSE = "appointments.act"
"""In the audit, of an act that was refused as a reading would be; of which one is never said."""

Pair = Annotated[Caller, require("appointments:act")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Key = Annotated[str | None, Depends(idempotency.optional_key)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/appointments/{appointment_id}/booking")
    async def book(
        appointment_id: UUID, request: Request, caller: Pair, key: Key, runtime: Parts, body: BookingBody
    ) -> JSONResponse:
        return await _change(request, runtime, vault, caller, key, appointment_id, body.ask())

    @router.post("/appointments/{appointment_id}/postponement")
    async def postpone(
        appointment_id: UUID, request: Request, caller: Pair, runtime: Parts, body: PostponementBody | None = None
    ) -> JSONResponse:
        return await _change(request, runtime, vault, caller, None, appointment_id, postponement(body))

    @router.post("/appointments/{appointment_id}/options")
    async def offer(
        appointment_id: UUID, request: Request, caller: Pair, key: Key, runtime: Parts, body: OptionsBody
    ) -> JSONResponse:
        return await _change(request, runtime, vault, caller, key, appointment_id, body.ask())

    @router.post("/appointments/{appointment_id}/holding")
    async def hold(
        appointment_id: UUID, request: Request, caller: Pair, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _change(request, runtime, vault, caller, key, appointment_id, Ask(Command.HOLDING))

    @router.post("/appointments/{appointment_id}/absence")
    async def absence(
        appointment_id: UUID, request: Request, caller: Pair, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _change(request, runtime, vault, caller, key, appointment_id, Ask(Command.ABSENCE))

    @router.post("/appointments/{appointment_id}/cancellation")
    async def cancel(
        appointment_id: UUID,
        request: Request,
        caller: Pair,
        key: Key,
        runtime: Parts,
        body: CancellationBody | None = None,
    ) -> JSONResponse:
        return await _change(request, runtime, vault, caller, key, appointment_id, cancellation(body))

    return router


async def _change(
    request: Request,
    runtime: Runtime,
    vault: Vault,
    caller: Caller,
    key: str | None,
    appointment_id: UUID,
    ask: Ask,
) -> JSONResponse:
    now = runtime.clock.now()
    route = f"POST /appointments/{appointment_id}/{ask.command}"
    attempt = None if key is None else await attempt_of(request, caller, vault, route, key)
    recorded = refusals_recorded(runtime, caller, APPOINTMENT, ACT_PURPOSE, appointment_id)
    with refusals():
        async with recorded, runtime.transaction() as tx:
            appointments, directory = PostgresAppointments(tx, vault), DirectoryOrganisations(tx)
            # Before a repeat is answered: what was told the first time may be out of reach now.
            reached = await reach_appointment(
                appointment_id, caller.organisation_id, ask.command, appointments=appointments, organisations=directory
            )
            if attempt is not None:
                replay = await idempotency.claim(tx, attempt, now=now)
                if replay is not None:
                    again = replay if reached.within else replace(replay, body=answers.unread(appointment_id))
                    return await answer_again(tx, again, vault, caller.organisation_id, now=now)
            await change_appointment(reached, ask, appointments=appointments, now=now)
            answer = answers.unread(appointment_id)
            if reached.within:
                changed = reached.appointment
                organisations = await directory.named([changed.organiser_id])
                answer = answers.changed(changed, organisations, caller.organisation_id, now)
            if attempt is not None:
                await remember(tx, attempt, now=now, status=200, answer=answer)
    return JSONResponse(answer, headers={"cache-control": "no-store"})
