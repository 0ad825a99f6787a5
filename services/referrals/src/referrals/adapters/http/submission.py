"""The route that submits a referral: once for each idempotency key, in one statement unless something is in the way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.ids import new_id
from chassis.runtime import Runtime, runtime_of
from referrals.adapters.geography import OfficialPlaces
from referrals.adapters.http.answers import submitted
from referrals.adapters.http.bodies import SubmissionBody
from referrals.adapters.http.refusals import refusals
from referrals.adapters.organisations import DirectoryOrganisations
from referrals.adapters.postgres import PostgresReferrals
from referrals.adapters.submitting import KnownCouncils, NotAtOnce, Submission
from referrals.app.ports import Organisation
from referrals.app.submit_referral import SubmitReferral, submit_referral
from referrals.domain.errors import ReferralRefused
from referrals.domain.referral import Referral

ROUTE = "POST /referrals"

Referrer = Annotated[Caller, require("referrals:write")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Key = Annotated[str, Depends(idempotency.required_key)]


def routes(vault: Vault) -> APIRouter:
    """Return the route."""
    router = APIRouter()
    places, councils = OfficialPlaces(), KnownCouncils()

    @router.post("/referrals", status_code=201)
    async def submit(
        request: Request, caller: Referrer, key: Key, body: SubmissionBody, runtime: Parts
    ) -> JSONResponse:
        now = runtime.clock.now()
        attempt = await idempotency.attempt_of(request, caller, vault, ROUTE, key)
        command = SubmitReferral(
            referrer_id=caller.organisation_id,
            referrer_kind=caller.organisation_kind,
            commune=body.commune,
            themes=tuple(theme.value for theme in body.themes),
            told=body.told(),
            sandbox=caller.sandbox,
        )
        with refusals():
            try:
                return await at_once(runtime, attempt, command, now)
            except (NotAtOnce, ReferralRefused):
                return await step_by_step(runtime, attempt, command, now)

    async def at_once(
        runtime: Runtime, attempt: idempotency.Attempt, command: SubmitReferral, now: datetime
    ) -> JSONResponse:
        async with runtime.at_once() as connection:
            ports = Submission(connection, vault, councils, attempt, _answer)
            await submit_referral(command, places=places, organisations=ports, referrals=ports, new_id=new_id, now=now)
        assert ports.answered is not None  # what is refused raises
        return _created(*ports.answered)

    async def step_by_step(
        runtime: Runtime, attempt: idempotency.Attempt, command: SubmitReferral, now: datetime
    ) -> JSONResponse:
        async with runtime.transaction() as tx:
            replay = await idempotency.claim(tx, attempt, now=now)
            if replay is not None:
                return replay.response()
            done = await submit_referral(
                command,
                places=places,
                organisations=DirectoryOrganisations(tx),
                referrals=PostgresReferrals(tx, vault),
                new_id=new_id,
                now=now,
            )
            body, location = _answer(done.referral, done.council)
            await idempotency.remember(
                tx, attempt, now=now, status=201, body=body, resource_id=done.referral.referral_id, location=location
            )
        return _created(body, location)

    return router


def _answer(referral: Referral, council: Organisation) -> tuple[dict[str, Any], str]:
    return submitted(referral, council), f"/referrals/{referral.referral_id}"


def _created(body: Mapping[str, Any], location: str) -> JSONResponse:
    return JSONResponse(body, 201, headers={"location": location})
