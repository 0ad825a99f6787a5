"""The claim check: what services may ask about referrals they heard of by an event.

Served from the background pool, so that consumers never starve people; calls nobody, so that waiting cannot go round
in a circle.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response

from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from referrals.adapters.http.answers import claimed
from referrals.adapters.reading import PostgresDossiers
from referrals.adapters.reads import AuditedReads
from referrals.app.claim_referrals import claim_referrals

IDS_MAX = 100
PURPOSE_PATTERN = r"^[a-z][a-z0-9_.-]{0,63}$"
"""A slug: what is written to the audit for years must not be free text."""

Service = Annotated[Caller, require("claims:read")]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes(vault: Vault) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get("/claims/referrals")
    async def claim(
        caller: Service,
        runtime: Parts,
        response: Response,
        id: Annotated[list[UUID], Query(min_length=1, max_length=IDS_MAX)],
        maillage_purpose: Annotated[str, Header(pattern=PURPOSE_PATTERN)],
    ) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        async with runtime.background_db.transaction() as tx:
            found = await claim_referrals(
                id,
                dossiers=PostgresDossiers(tx, vault),
                audit=AuditedReads(tx, caller, maillage_purpose, runtime.clock),
            )
        return claimed(found)

    return router
