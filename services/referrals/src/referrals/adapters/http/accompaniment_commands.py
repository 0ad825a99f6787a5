"""The routes by which the two organisations act on a joint accompaniment.

Each answers the document as it then is. It names the person, so it is not what an idempotency key keeps: a repeat does
nothing and is answered with the document of now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.ids import new_id
from chassis.runtime import Runtime
from referrals.adapters.accompaniment_words import PostgresWords
from referrals.adapters.accompaniments import PostgresAccompaniments
from referrals.adapters.geography import OfficialPlaces
from referrals.adapters.http.accompaniment_answers import note
from referrals.adapters.http.accompaniment_bodies import EndBody, NoteBody, PlanBody, ProposalBody
from referrals.adapters.http.accompaniments import Pair, Parts, answer_for
from referrals.adapters.http.bodies import EmptyBody
from referrals.adapters.http.refusals import refusals
from referrals.adapters.organisations import DirectoryOrganisations
from referrals.adapters.postgres import PostgresReferrals
from referrals.adapters.reads import ACCOMPANIMENT, refusals_recorded
from referrals.app.act_on_accompaniment import ActOnAccompaniment, act_on_accompaniment
from referrals.app.change_plan import ChangePlan, change_plan
from referrals.app.propose_accompaniment import ProposeAccompaniment, propose_accompaniment
from referrals.app.write_note import write_note
from referrals.domain.accompaniment_status import Command, EndReason

Key = Annotated[str | None, Depends(idempotency.optional_key)]
RequiredKey = Annotated[str, Depends(idempotency.required_key)]
NO_STORE = {"cache-control": "no-store"}
ACT_PURPOSE = "accompaniments.act"
"""In the audit, of an act that was refused as a reading would be."""


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    desk = _Desk(vault)

    @router.post("/referrals/{referral_id}/accompaniment", status_code=201)
    async def propose(
        referral_id: UUID, request: Request, caller: Pair, key: RequiredKey, runtime: Parts, body: ProposalBody
    ) -> JSONResponse:
        asked = ProposeAccompaniment(referral_id, caller.organisation_id, body.employment_service)
        return await desk.propose(request, runtime, caller, key, asked)

    @router.post("/accompaniments/{accompaniment_id}/acceptance")
    async def acceptance(
        accompaniment_id: UUID, request: Request, caller: Pair, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await desk.act(request, runtime, caller, key, _asked(accompaniment_id, caller, Command.ACCEPTANCE))

    @router.post("/accompaniments/{accompaniment_id}/refusal")
    async def refusal(
        accompaniment_id: UUID, request: Request, caller: Pair, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await desk.act(request, runtime, caller, key, _asked(accompaniment_id, caller, Command.REFUSAL))

    @router.post("/accompaniments/{accompaniment_id}/end")
    async def end(
        accompaniment_id: UUID, request: Request, caller: Pair, key: Key, runtime: Parts, body: EndBody
    ) -> JSONResponse:
        asked = _asked(accompaniment_id, caller, Command.END, body.reason)
        return await desk.act(request, runtime, caller, key, asked)

    @router.post("/accompaniments/{accompaniment_id}/review")
    async def review(
        accompaniment_id: UUID, request: Request, caller: Pair, key: Key, runtime: Parts, _: EmptyBody | None = None
    ) -> JSONResponse:
        return await desk.act(request, runtime, caller, key, _asked(accompaniment_id, caller, Command.REVIEW))

    @router.put("/accompaniments/{accompaniment_id}/plan")
    async def plan(accompaniment_id: UUID, caller: Pair, runtime: Parts, body: PlanBody) -> JSONResponse:
        goals = tuple(goal.asked() for goal in body.goals)
        actions = tuple(action.asked() for action in body.actions)
        asked = ChangePlan(accompaniment_id, caller.organisation_id, body.version, goals, actions)
        return await desk.change_plan(runtime, caller, asked)

    @router.put("/accompaniments/{accompaniment_id}/note")
    async def own_note(accompaniment_id: UUID, caller: Pair, runtime: Parts, body: NoteBody) -> JSONResponse:
        return await desk.write_note(runtime, caller, accompaniment_id, body.text)

    return router


def _asked(
    accompaniment_id: UUID, caller: Caller, command: Command, reason: EndReason | None = None
) -> ActOnAccompaniment:
    return ActOnAccompaniment(accompaniment_id, caller.organisation_id, command, reason)


class _Desk:
    """One transaction a request: the command, then the document that it leads to."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._places = OfficialPlaces()

    async def propose(
        self, request: Request, runtime: Runtime, caller: Caller, key: str, asked: ProposeAccompaniment
    ) -> JSONResponse:
        """Create an accompaniment: 201, and where it is."""

        async def work(tx: Tx) -> UUID:
            made = await propose_accompaniment(
                asked,
                referrals=PostgresReferrals(tx, self._vault),
                accompaniments=PostgresAccompaniments(tx, self._vault),
                organisations=DirectoryOrganisations(tx),
                places=self._places,
                new_id=new_id,
                now=runtime.clock.now(),
            )
            return made.accompaniment_id

        route = f"POST /referrals/{asked.referral_id}/accompaniment"
        recorded = refusals_recorded(runtime, caller, ACT_PURPOSE, asked.referral_id)
        return await self._once(request, runtime, caller, (route, key), 201, work, recorded)

    async def act(
        self, request: Request, runtime: Runtime, caller: Caller, key: str | None, asked: ActOnAccompaniment
    ) -> JSONResponse:
        """Accept, refuse, end or review."""

        async def work(tx: Tx) -> UUID:
            await act_on_accompaniment(
                asked,
                accompaniments=PostgresAccompaniments(tx, self._vault),
                organisations=DirectoryOrganisations(tx),
                now=runtime.clock.now(),
            )
            return asked.accompaniment_id

        route = f"POST /accompaniments/{asked.accompaniment_id}/{asked.command}"
        recorded = refusals_recorded(runtime, caller, ACT_PURPOSE, asked.accompaniment_id, ACCOMPANIMENT)
        return await self._once(request, runtime, caller, (route, key), 200, work, recorded)

    async def change_plan(self, runtime: Runtime, caller: Caller, asked: ChangePlan) -> JSONResponse:
        """Replace the plan."""
        with refusals():
            recorded = refusals_recorded(runtime, caller, ACT_PURPOSE, asked.accompaniment_id, ACCOMPANIMENT)
            async with recorded, runtime.transaction() as tx:
                await change_plan(
                    asked,
                    accompaniments=PostgresAccompaniments(tx, self._vault),
                    organisations=DirectoryOrganisations(tx),
                    words=PostgresWords(tx, self._vault),
                    new_id=new_id,
                    now=runtime.clock.now(),
                )
                answer = await answer_for(tx, self._vault, runtime, caller, asked.accompaniment_id)
        return JSONResponse(answer, headers=NO_STORE)

    async def write_note(
        self, runtime: Runtime, caller: Caller, accompaniment_id: UUID, text: str | None
    ) -> JSONResponse:
        """Keep the caller's own note."""
        with refusals():
            async with runtime.transaction() as tx:
                kept = await write_note(
                    accompaniment_id,
                    caller.organisation_id,
                    text,
                    accompaniments=PostgresAccompaniments(tx, self._vault),
                    words=PostgresWords(tx, self._vault),
                    now=runtime.clock.now(),
                )
        return JSONResponse({"note": note(kept)}, headers=NO_STORE)

    async def _once(
        self,
        request: Request,
        runtime: Runtime,
        caller: Caller,
        route_and_key: tuple[str, str | None],
        status: int,
        work: Callable[[Tx], Awaitable[UUID]],
        recorded: AbstractAsyncContextManager[None],
    ) -> JSONResponse:
        route, key = route_and_key
        now = runtime.clock.now()
        attempt = None if key is None else await idempotency.attempt_of(request, caller, self._vault, route, key)
        headers = dict(NO_STORE)
        with refusals():
            async with recorded, runtime.transaction() as tx:
                replay = None if attempt is None else await idempotency.claim(tx, attempt, now=now)
                if replay is not None and replay.resource_id is not None:
                    accompaniment_id = replay.resource_id
                    headers["idempotency-replayed"] = "true"
                else:
                    accompaniment_id = await work(tx)
                    if attempt is not None:
                        kept: dict[str, Any] = {"accompaniment_id": str(accompaniment_id)}
                        await idempotency.remember(
                            tx, attempt, now=now, status=status, body=kept, resource_id=accompaniment_id
                        )
                answer = await answer_for(tx, self._vault, runtime, caller, accompaniment_id)
        if status == 201:
            headers["location"] = f"/accompaniments/{accompaniment_id}"
        return JSONResponse(answer, status, headers=headers)
