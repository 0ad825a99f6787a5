"""The claim check for whoever writes to persons: contact, links and appointments as they stand; calls nobody.

Served from the background pool, so that consumers never starve people.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.crypto import Vault
from registration.adapters.http import answers
from registration.adapters.http.persons import Parts, Purpose, Service
from registration.adapters.links import SignedLinks
from registration.adapters.postgres.persons import PostgresFiles
from registration.adapters.reads import PERSON, AuditedReads
from registration.app.claim_contacts import claim_contacts

IDS_MAX = 100
"""Of persons, and of appointments, in one question (architecture §4.6)."""


def routes(vault: Vault) -> APIRouter:
    """Return the route."""
    router = APIRouter()
    links = SignedLinks(vault)

    @router.get("/claims/contacts")
    async def claim(
        caller: Service,
        runtime: Parts,
        response: Response,
        purpose: Purpose,
        id: Annotated[list[UUID], Query(min_length=1, max_length=IDS_MAX)],
        appointment: Annotated[list[UUID] | None, Query(max_length=IDS_MAX)] = None,
    ) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        async with runtime.background_db.transaction() as tx:
            found = await claim_contacts(
                id,
                appointment or [],
                files=PostgresFiles(tx, vault),
                links=links,
                audit=AuditedReads(tx, caller, PERSON, purpose, runtime.clock),
                now=runtime.clock.now(),
            )
        return answers.contacts(found)

    return router
