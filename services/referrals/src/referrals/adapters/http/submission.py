"""The route that submits a referral: one transaction, once for each idempotency key."""

from __future__ import annotations

from typing import Annotated

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
from referrals.app.submit_referral import SubmitReferral, submit_referral

ROUTE = "POST /referrals"

Referrer = Annotated[Caller, require("referrals:write")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Key = Annotated[str, Depends(idempotency.required_key)]


def routes(vault: Vault) -> APIRouter:
    """Return the route."""
    router = APIRouter()
    places = OfficialPlaces()

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
        )
        with refusals():
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
                answer = submitted(done.referral, done.council)
                location = f"/referrals/{done.referral.referral_id}"
                await idempotency.remember(
                    tx, attempt, now=now, status=201, body=answer,
                    resource_id=done.referral.referral_id, location=location,
                )  # fmt: skip
        return JSONResponse(answer, 201, headers={"location": location})

    return router
