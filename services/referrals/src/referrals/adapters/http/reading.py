"""Routes that read: the list, one referral in full, the decline reasons. Readings of persons are audited."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from referrals.adapters.http.answers import dossier, page
from referrals.adapters.http.cursor import read_cursor, write_cursor
from referrals.adapters.http.refusals import refusals
from referrals.adapters.organisations import DirectoryOrganisations
from referrals.adapters.postgres import PostgresReferrals
from referrals.adapters.reading import PostgresDossiers
from referrals.adapters.reads import AuditedReads
from referrals.app.list_referrals import ListReferrals, list_referrals
from referrals.app.open_referral import open_referral
from referrals.app.read_referral import read_referral
from referrals.domain.decline import DeclinedBy, DeclineReason
from referrals.domain.errors import NotFound
from referrals.domain.status import Actor, Status

PAGE_MAX = 100
PAGE_DEFAULT = 50
CURSOR_CHARACTERS_MAX = 100

LIST_PURPOSE = "referrals.list"
READ_PURPOSE = "referrals.read"

Reader = Annotated[Caller, require("referrals:read")]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/referrals")
    async def list_own(
        caller: Reader,
        runtime: Parts,
        response: Response,
        status: Status | None = None,
        after: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    ) -> dict[str, Any]:
        asked = ListReferrals(
            organisation_id=caller.organisation_id,
            side=Actor.RECEIVER if caller.organisation_kind == "council" else Actor.REFERRER,
            status=status,
            after=read_cursor(after) if after else None,
            limit=limit,
        )
        response.headers["cache-control"] = "no-store"
        async with runtime.db.transaction() as tx:
            found = await list_referrals(
                asked,
                dossiers=PostgresDossiers(tx, vault),
                organisations=DirectoryOrganisations(tx),
                audit=AuditedReads(tx, caller, LIST_PURPOSE, runtime.clock),
            )
        return page(found, None if found.following is None else write_cursor(found.following))

    @router.get("/referrals/{referral_id}")
    async def read_one(referral_id: UUID, caller: Reader, runtime: Parts, response: Response) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        with refusals():
            async with runtime.db.transaction() as tx:
                # In the reading's transaction, as its line in the audit: what cannot be told was not shown either.
                opened = _proves_reading(caller) and await open_referral(
                    referral_id,
                    caller.organisation_id,
                    referrals=PostgresReferrals(tx, vault),
                    organisations=DirectoryOrganisations(tx),
                    now=runtime.clock.now(),
                )
                read = await read_referral(
                    referral_id,
                    caller.organisation_id,
                    dossiers=PostgresDossiers(tx, vault),
                    organisations=DirectoryOrganisations(tx),
                    audit=AuditedReads(tx, caller, READ_PURPOSE, runtime.clock),
                )
            if read is None:
                raise NotFound  # after the transaction: that it was asked for stays recorded
        if opened:
            runtime.doorbell.ring()
        found, parties = read
        return dossier(found, parties, may_act(caller, found.referral.parties.quality_of(caller.organisation_id)))

    @router.get("/decline-reasons")
    async def decline_reasons(_: Reader) -> dict[str, Any]:
        return {"reasons": list(DeclineReason), "declined_by": list(DeclinedBy)}

    return router


def _proves_reading(caller: Caller) -> bool:
    """Say whether this is a person who may answer: software that fetches what came in has read nothing."""
    return caller.subject != caller.client_id and "referrals:answer" in caller.scopes


def may_act(caller: Caller, sides: frozenset[Actor]) -> frozenset[Actor]:
    """Return the sides on which this caller's scopes let it act, of those its organisation is on."""
    scope_of = {Actor.REFERRER: "referrals:write", Actor.RECEIVER: "referrals:answer"}
    return frozenset(side for side in sides if scope_of[side] in caller.scopes)
