"""Erasure over HTTP: the person asks by their own link, or an operator at their request. Asked again: the same answer.

No idempotency key is needed or kept: there is one erasure of a person.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from registration.adapters.http import answers
from registration.adapters.http.own import Token
from registration.adapters.http.refusals import refusals
from registration.adapters.links import SignedLinks
from registration.adapters.postgres.agenda import PostgresAgenda
from registration.adapters.postgres.erasures import PostgresErasures
from registration.adapters.reads import ERASURE, PERSON, AuditedReads, OwnErasure
from registration.app.erase_person import erase_person
from registration.app.open_link import erase_oneself

Operator = Annotated[Caller, require("operations")]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    links = SignedLinks(vault)

    @router.post("/persons/{subject_ref}/erasure")
    async def erase(subject_ref: UUID, caller: Operator, runtime: Parts, response: Response) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        with refusals():
            async with runtime.transaction() as tx:
                since = await erase_person(
                    subject_ref,
                    erasures=PostgresErasures(tx, vault),
                    audit=AuditedReads(tx, caller, PERSON, ERASURE, runtime.clock),
                    now=runtime.clock.now(),
                )
        return answers.erased(since)

    @router.post("/person/erasure")
    async def erase_me(token: Token, runtime: Parts) -> dict[str, Any]:
        with refusals():
            async with runtime.transaction() as tx:
                since = await erase_oneself(
                    token,
                    links=links,
                    agenda=PostgresAgenda(tx, vault),
                    erasures=PostgresErasures(tx, vault),
                    audit=OwnErasure(tx, runtime.clock),
                    now=runtime.clock.now(),
                )
        return answers.erased(since)

    return router
