"""Whose things a request is about: the caller's own organisation's, or, for an operator, those of the one it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from chassis.audit import Read, record_reads
from chassis.auth import Caller, require
from chassis.db import Tx
from chassis.problems import Problem, Said
from chassis.runtime import Runtime, runtime_of
from partners.adapters.http.refusals import refusals
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.domain.errors import NotFound
from partners.domain.organisation import PARTNERS, Kind

OPERATIONS = "operations"
Parts = Annotated[Runtime, Depends(runtime_of)]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose things a request is about, and who asks."""

    caller: Caller
    organisation_id: UUID
    code: str
    by_itself: bool
    """Whether the organisation asks, and not an operator."""

    async def note(self, tx: Tx, runtime: Runtime, kind: str, record_id: UUID, what: str) -> None:
        """Write who did what into the audit, last in the transaction."""
        read = Read(self.caller.subject, self.organisation_id, kind, record_id, f"{kind}.{what}")
        await record_reads(tx, [read], runtime.clock)


def for_owners(*several: APIRouter) -> APIRouter:
    """Return routes at two places: at the root for an organisation's own, and under its code for operators."""
    router = APIRouter()
    for prefix in ("", "/organisations/{code}"):
        for routes in several:
            router.include_router(routes, prefix=prefix)
    return router


def owner_by(scope: str, kinds: frozenset[Kind] = PARTNERS) -> Any:
    """Return the FastAPI dependency that yields the Owner: by `scope`, or by `operations` where the path has a code."""

    async def owner_of(request: Request, caller: Annotated[Caller, require()], runtime: Parts) -> Owner:
        code = request.path_params.get("code")
        needed = scope if code is None else OPERATIONS
        if needed not in caller.scopes:
            raise scope_missing(needed)
        if code is None:
            return Owner(caller, caller.organisation_id, caller.organisation_code, True)
        async with refusals(), runtime.db.connection() as tx:
            organisation = await PostgresOrganisations(tx).find(code)
            if organisation is None or organisation.kind not in kinds:
                raise NotFound
        return Owner(caller, organisation.organisation_id, code, False)

    return Depends(owner_of)


def scope_missing(needed: str) -> Problem:
    """Return the refusal of a token that lacks a scope."""
    return Problem(
        403,
        "scope_missing",
        Said("Ce jeton ne permet pas cette action.", "This token does not allow this action."),
        Said(f"Il faut : {needed}.", f"Needed: {needed}."),
    )
