"""The routes by which the two parties act on a referral.

A repeat with the same idempotency key is answered as the first time; without a key, a command that is no longer
possible is 409, also when it is the same as the last one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.runtime import Runtime, runtime_of
from referrals.adapters.geography import OfficialPlaces
from referrals.adapters.http.answers import summary
from referrals.adapters.http.bodies import DeclineBody, EmptyBody, MoveBody
from referrals.adapters.http.reading import may_act
from referrals.adapters.http.refusals import refusals
from referrals.adapters.moving import PostgresMovingReferrals
from referrals.adapters.organisations import DirectoryOrganisations
from referrals.adapters.postgres import PostgresReferrals
from referrals.adapters.reads import refusals_recorded
from referrals.app.decide_referral import DecideReferral, decide_referral
from referrals.app.move_person import MovePerson, move_person
from referrals.domain.decline import Decline
from referrals.domain.referral import Referral, parties_of
from referrals.domain.status import Actor, Command

Referrer = Annotated[Caller, require("referrals:write")]
Receiver = Annotated[Caller, require("referrals:answer")]
Party = Annotated[Caller, require("referrals:read")]
"""Either side; on which of them it may act, its other scopes say."""
ANSWER_PURPOSE = "referrals.answer"
"""In the audit, of an answer that was refused as a reading would be."""
SIDES = frozenset({Actor.REFERRER, Actor.RECEIVER})
Parts = Annotated[Runtime, Depends(runtime_of)]
Key = Annotated[str | None, Depends(idempotency.optional_key)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    places = OfficialPlaces()

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

    @router.post("/referrals/{referral_id}/move")
    async def move(
        referral_id: UUID, request: Request, caller: Party, key: Key, runtime: Parts, body: MoveBody
    ) -> JSONResponse:
        async def moved(tx: Tx, now: datetime) -> Referral:
            asked = MovePerson(
                referral_id,
                caller.organisation_id,
                may_act(caller, SIDES),
                body.commune,
            )
            return await move_person(
                asked, places=places, organisations=DirectoryOrganisations(tx),
                referrals=PostgresMovingReferrals(tx, vault), now=now,
            )  # fmt: skip

        return await _change(request, runtime, vault, caller, key, (referral_id, "move"), moved)

    return router


def _asked(referral_id: UUID, caller: Caller, command: Command, decline: Decline | None = None) -> DecideReferral:
    return DecideReferral(referral_id, caller.organisation_id, command, decline)


async def _decide(
    request: Request, runtime: Runtime, vault: Vault, caller: Caller, key: str | None, asked: DecideReferral
) -> JSONResponse:
    async def decided(tx: Tx, now: datetime) -> Referral:
        return await decide_referral(
            asked, referrals=PostgresReferrals(tx, vault), organisations=DirectoryOrganisations(tx), now=now
        )

    return await _change(request, runtime, vault, caller, key, (asked.referral_id, asked.command), decided)


async def _change(
    request: Request,
    runtime: Runtime,
    vault: Vault,
    caller: Caller,
    key: str | None,
    asked: tuple[UUID, str],
    change: Callable[[Tx, datetime], Awaitable[Referral]],
) -> JSONResponse:
    now = runtime.clock.now()
    referral_id, command = asked
    route = f"POST /referrals/{referral_id}/{command}"
    attempt = None if key is None else await idempotency.attempt_of(request, caller, vault, route, key)
    with refusals():
        recorded = refusals_recorded(runtime, caller, ANSWER_PURPOSE, referral_id)
        async with recorded, runtime.transaction() as tx:
            if attempt is not None:
                replay = await idempotency.claim(tx, attempt, now=now)
                if replay is not None:
                    return replay.response()
            referral = await change(tx, now)
            organisations = await DirectoryOrganisations(tx).named(parties_of([referral]))
            answer: dict[str, Any] = summary(referral, organisations)
            if attempt is not None:
                await idempotency.remember(
                    tx, attempt, now=now, status=200, body=answer, resource_id=referral.referral_id
                )
    return JSONResponse(answer)
