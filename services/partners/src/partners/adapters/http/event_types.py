"""Routes of the types that an organisation asks for: it chooses its own, operators those of anybody."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from maillage_contracts import PARTNER_TOPIC, PersonErased, type_of
from partners.adapters.http import organisations
from partners.adapters.http.explanations import withheld_types
from partners.adapters.http.feed_types import KNOWN, TypeNames, listed_types
from partners.adapters.http.owner import Owner, Parts, for_owners, owner_by
from partners.adapters.http.refusals import refusals
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.app.choose_types import choose_types
from partners.domain.access import MANAGE
from partners.domain.errors import NotFound
from partners.domain.organisation import Organisation

ALWAYS = (*sorted(PARTNER_TOPIC.types), type_of(PersonErased))
"""Told whatever the list: each undoes, or puts in its place, something that was told."""

Whose = Annotated[Owner, owner_by(MANAGE)]


class EventTypesBody(BaseModel):
    """The types asked for: whole, without our prefix, or a family (`referrals.referral.*`); null for all.

    `version`, as it was read with the present types, refuses (409) a choice that would undo somebody
    else's of meanwhile.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    event_types: TypeNames | None
    version: int | None = Field(default=None, ge=0)


def organisation_routes() -> APIRouter:
    """Return the routes of organisations, and `event-types` at the root and under `/organisations/{code}`."""
    router = APIRouter()
    router.include_router(organisations.router)
    router.include_router(for_owners(_routes()))
    return router


def _routes() -> APIRouter:
    router = APIRouter()

    @router.get("/event-types")
    async def get_event_types(owner: Whose, runtime: Parts) -> dict[str, Any]:
        """Show which types the organisation's stream takes, and which it could."""
        async with refusals(), runtime.db.connection() as tx:
            organisation = await PostgresOrganisations(tx).find(owner.code)
            if organisation is None:
                raise NotFound
        return _document(organisation)

    @router.put("/event-types")
    async def put_event_types(body: EventTypesBody, owner: Whose, runtime: Parts) -> dict[str, Any]:
        """Have the stream take these types from now on; what it holds stays, what came before is not caught up."""
        wanted = listed_types(body.event_types)
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            desk = organisations.organisation_desk(tx, at)
            organisation, is_new = await choose_types(desk, owner.code, wanted, at, body.version)
            if is_new:
                await owner.note(tx, runtime, "organisation", organisation.organisation_id, "event_types_chosen")
        return _document(organisation)

    return router


def _document(organisation: Organisation) -> dict[str, Any]:
    withheld = {*withheld_types(organisation.kind), *ALWAYS}
    return {
        "event_types": organisation.details.event_types,
        "always": list(ALWAYS),
        "available": [name for name in sorted(KNOWN) if name not in withheld],
        "version": organisation.version,
    }
