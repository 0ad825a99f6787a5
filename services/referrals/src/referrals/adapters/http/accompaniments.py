"""Routes that read joint accompaniments, and who could be asked for one. Readings of persons are audited."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.runtime import Runtime, runtime_of
from referrals.adapters.accompaniment_reading import PostgresJointDossiers
from referrals.adapters.geography import OfficialPlaces
from referrals.adapters.http import accompaniment_answers as answers
from referrals.adapters.http.cursor import read_cursor, write_cursor
from referrals.adapters.http.reading import CURSOR_CHARACTERS_MAX, PAGE_DEFAULT, PAGE_MAX
from referrals.adapters.http.refusals import refusals
from referrals.adapters.organisations import DirectoryOrganisations
from referrals.adapters.reads import ACCOMPANIMENT, AuditedReads
from referrals.app.list_accompaniments import ListAccompaniments, list_accompaniments
from referrals.app.list_employment_services import list_employment_services
from referrals.app.read_accompaniment import read_accompaniment
from referrals.domain.accompaniment_status import Side, Status
from referrals.domain.errors import NotFound

LIST_PURPOSE = "accompaniments.list"
READ_PURPOSE = "accompaniments.read"

Pair = Annotated[Caller, require("accompaniments:act")]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    places = OfficialPlaces()

    @router.get("/employment-services")
    async def employment_services(
        caller: Pair, runtime: Parts, commune: Annotated[str, Query(min_length=1, max_length=10)]
    ) -> dict[str, Any]:
        with refusals():
            async with runtime.db.transaction() as tx:
                found = await list_employment_services(
                    commune, sandbox=caller.sandbox, places=places, organisations=DirectoryOrganisations(tx)
                )
        return answers.employment_services(found)

    @router.get("/accompaniments")
    async def list_own(
        caller: Pair,
        runtime: Parts,
        response: Response,
        status: Status | None = None,
        after: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    ) -> dict[str, Any]:
        side = Side.COUNCIL if caller.organisation_kind == "council" else Side.EMPLOYMENT_SERVICE
        position = read_cursor(after) if after else None
        response.headers["cache-control"] = "no-store"
        async with runtime.db.transaction() as tx:
            found = await list_accompaniments(
                ListAccompaniments(caller.organisation_id, side, status, position, limit),
                dossiers=PostgresJointDossiers(tx, vault),
                organisations=DirectoryOrganisations(tx),
                audit=AuditedReads(tx, caller, LIST_PURPOSE, runtime.clock, ACCOMPANIMENT),
            )
        return answers.page(found, side, None if found.following is None else write_cursor(found.following))

    @router.get("/accompaniments/{accompaniment_id}")
    async def read_one(accompaniment_id: UUID, caller: Pair, runtime: Parts, response: Response) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        with refusals():
            async with runtime.db.transaction() as tx:
                document = await document_for(tx, vault, runtime, caller, accompaniment_id)
            if document is None:
                raise NotFound  # after the transaction: that it was asked for stays recorded
        return document

    return router


async def document_for(
    tx: Tx, vault: Vault, runtime: Runtime, caller: Caller, accompaniment_id: UUID
) -> dict[str, Any] | None:
    """Return the accompaniment's document for the caller; the reading is recorded, so it comes last in `tx`.

    None to a council in whose territory the person is not: a refusal that is recorded as well.
    """
    read = await read_accompaniment(
        accompaniment_id,
        caller.organisation_id,
        dossiers=PostgresJointDossiers(tx, vault),
        organisations=DirectoryOrganisations(tx),
        audit=AuditedReads(tx, caller, READ_PURPOSE, runtime.clock, ACCOMPANIMENT),
    )
    return None if read is None else answers.document(*read)


async def answer_for(tx: Tx, vault: Vault, runtime: Runtime, caller: Caller, accompaniment_id: UUID) -> dict[str, Any]:
    """Return what the caller is told of an accompaniment it acted on: its id alone where it may not read it.

    A council whose territory the person has left ends what it agreed to, without being told anything.
    """
    document = await document_for(tx, vault, runtime, caller, accompaniment_id)
    return {"accompaniment_id": str(accompaniment_id)} if document is None else document
