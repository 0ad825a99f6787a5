"""Persons over HTTP: for services that hold a reference and name a purpose, and audited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response

from chassis.audit import Read, record_reads
from chassis.auth import Caller, require
from chassis.clock import Clock
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.problems import Problem
from chassis.runtime import Runtime, runtime_of
from chassis.sentences import Said
from registration.adapters.postgres import PostgresFiles
from registration.app.read_person import read_person
from registration.domain.errors import Erased, NotFound
from registration.domain.identity import Described

RECORD_KIND = "person"
PURPOSE_PATTERN = r"^[a-z][a-z0-9_.-]{0,63}$"
"""A slug: what is written to the audit for years must not be free text."""

Service = Annotated[Caller, require("claims:read")]
Parts = Annotated[Runtime, Depends(runtime_of)]


class AuditedReads:
    """The `Audit` port for one caller and one purpose, inside one transaction."""

    def __init__(self, tx: Tx, caller: Caller, purpose: str, clock: Clock) -> None:
        self._tx = tx
        self._caller = caller
        self._purpose = purpose
        self._clock = clock

    async def read(self, subject_refs: Sequence[UUID]) -> None:
        """Record that the caller saw who these persons are; call it last in the transaction."""
        caller = self._caller
        reads = [Read(caller.subject, caller.organisation_id, RECORD_KIND, ref, self._purpose) for ref in subject_refs]
        await record_reads(self._tx, reads, self._clock)


def routes(vault: Vault) -> APIRouter:
    """Return the route. Served from the background pool: services must not starve people, and it calls nobody."""
    router = APIRouter()

    @router.get("/persons/{subject_ref}")
    async def read_one(
        subject_ref: UUID,
        caller: Service,
        runtime: Parts,
        response: Response,
        maillage_purpose: Annotated[str, Header(pattern=PURPOSE_PATTERN)],
    ) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        try:
            async with runtime.background_db.transaction() as tx:
                registration, described = await read_person(
                    subject_ref,
                    files=PostgresFiles(tx, vault),
                    audit=AuditedReads(tx, caller, maillage_purpose, runtime.clock),
                )
        except NotFound as error:
            raise Problem(404, error.code, Said("Rien de tel ici.", "There is no such thing here.")) from None
        except Erased as error:
            raise Problem(410, error.code, Said("Ces données ont été effacées.", "This was erased.")) from None
        return {
            "subject_ref": str(registration.subject_ref),
            "version": registration.version,
            "state": registration.state,
            "person": _person(described),
        }

    return router


def _person(described: Described) -> dict[str, Any]:
    identity, contact = described.identity, described.contact
    return {
        "first_name": identity.first_name,
        "last_name": identity.last_name,
        "birth_date": identity.birth_date.isoformat(),
        "phone": contact.phone,
        "email": contact.email,
        "address": contact.address,
    }
