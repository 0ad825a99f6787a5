"""The routes by which the two parties act on a referral.

A repeat with the same idempotency key is answered as the first time; without a key, a command that is no longer
possible is 409, also when it is the same as the last one.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from referrals.adapters.http.answers import summary
from referrals.adapters.http.bodies import DeclineBody, EmptyBody
from referrals.adapters.http.refusals import refusals
from referrals.adapters.organisations import DirectoryOrganisations
from referrals.adapters.postgres import PostgresReferrals
from referrals.app.decide_referral import DecideReferral, decide_referral
from referrals.domain.decline import Decline
from referrals.domain.referral import parties_of
from referrals.domain.status import Command

Referrer = Annotated[Caller, require("referrals:write")]
Receiver = Annotated[Caller, require("referrals:answer")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Key = Annotated[str | None, Depends(idempotency.optional_key)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/referrals/{referral_id}/receipt")
    async def receipt(
        referral_id: UUID, request: Request, caller: Receiver, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(referral_id, caller, Command.RECEIPT))

    @router.post("/referrals/{referral_id}/review")
    async def review(
        referral_id: UUID, request: Request, caller: Receiver, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(referral_id, caller, Command.REVIEW))

    @router.post("/referrals/{referral_id}/acceptance")
    async def acceptance(
        referral_id: UUID, request: Request, caller: Receiver, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(referral_id, caller, Command.ACCEPTANCE))

    @router.post("/referrals/{referral_id}/decline")
    async def decline(
        referral_id: UUID, request: Request, caller: Receiver, key: Key, runtime: Parts, body: DeclineBody
    ) -> JSONResponse:
        asked = _asked(referral_id, caller, Command.DECLINE, body.decline())
        return await _decide(request, runtime, vault, caller, key, asked)

    @router.post("/referrals/{referral_id}/withdrawal")
    async def withdrawal(
        referral_id: UUID, request: Request, caller: Referrer, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await _decide(request, runtime, vault, caller, key, _asked(referral_id, caller, Command.WITHDRAWAL))

    return router


def _asked(referral_id: UUID, caller: Caller, command: Command, decline: Decline | None = None) -> DecideReferral:
    return DecideReferral(referral_id, caller.organisation_id, command, decline)


async def _decide(
    request: Request, runtime: Runtime, vault: Vault, caller: Caller, key: str | None, asked: DecideReferral
) -> JSONResponse:
    now = runtime.clock.now()
    route = f"POST /referrals/{asked.referral_id}/{asked.command}"
    attempt = None if key is None else await idempotency.attempt_of(request, caller, vault, route, key)
    with refusals():
        async with runtime.transaction() as tx:
            if attempt is not None:
                replay = await idempotency.claim(tx, attempt, now=now)
                if replay is not None:
                    return replay.response()
            referral = await decide_referral(asked, referrals=PostgresReferrals(tx, vault), now=now)
            organisations = await DirectoryOrganisations(tx).named(parties_of([referral]))
            answer: dict[str, Any] = summary(referral, organisations)
            if attempt is not None:
                await idempotency.remember(
                    tx, attempt, now=now, status=200, body=answer, resource_id=referral.referral_id
                )
    return JSONResponse(answer)
