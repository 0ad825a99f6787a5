"""Persons over HTTP: for services that hold a reference and name a purpose, and audited.

Served from the background pool: services must not starve people. Calls nobody.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response

from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from registration.adapters.http import answers
from registration.adapters.http.refusals import refusals
from registration.adapters.postgres.persons import PostgresFiles
from registration.adapters.reads import PERSON, AuditedReads
from registration.app.read_person import read_person
from registration.app.read_tiers import read_tiers

PURPOSE_PATTERN = r"^[a-z][a-z0-9_.-]{0,63}$"
"""A slug: what is written to the audit for years must not be free text."""

Service = Annotated[Caller, require("claims:read")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Purpose = Annotated[str, Header(alias="maillage-purpose", pattern=PURPOSE_PATTERN)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/persons/{subject_ref}")
    async def read_one(
        subject_ref: UUID, caller: Service, runtime: Parts, response: Response, purpose: Purpose
    ) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        with refusals():
            async with runtime.background_db.transaction() as tx:
                registration, described = await read_person(
                    subject_ref,
                    files=PostgresFiles(tx, vault),
                    audit=AuditedReads(tx, caller, PERSON, purpose, runtime.clock),
                )
        return answers.person(registration, described)

    @router.get("/persons/{subject_ref}/tiers")
    async def read_support(
        subject_ref: UUID, caller: Service, runtime: Parts, response: Response, purpose: Purpose
    ) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        with refusals():
            async with runtime.background_db.transaction() as tx:
                changes = await read_tiers(
                    subject_ref,
                    files=PostgresFiles(tx, vault),
                    audit=AuditedReads(tx, caller, PERSON, purpose, runtime.clock),
                )
        return answers.tiers(subject_ref, changes)

    return router
