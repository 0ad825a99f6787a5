"""Routes for operators: organisations, their territories and new API clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.auth import Caller, require
from chassis.db import Tx
from chassis.runtime import Runtime, runtime_of
from partners.adapters.events import OutboxPublisher, ScopeEvents
from partners.adapters.http.feed_types import TypeNames, listed_types
from partners.adapters.http.refusals import refusals
from partners.adapters.postgres.clients import PostgresClients
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.adapters.postgres.referrals import PostgresReferrals
from partners.adapters.postgres.streams import PostgresStreams
from partners.adapters.simulators import SIMULATED
from partners.app.change_territory import change_territory
from partners.app.issue_client import issue_client
from partners.app.organisation_desk import Desk
from partners.app.register_organisation import register_organisation
from partners.domain.errors import NotFound
from partners.domain.organisation import PARTNERS, Details, Kind, Organisation, Territory

router = APIRouter()

CODES_MAX = 20_000
"""More than the largest body accepted holds; whole départements are named by their own codes."""

Operator = Annotated[Caller, require("operations")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Code = Annotated[str, Path(pattern=r"^[a-z0-9]{2,20}$")]
Codes = Annotated[list[Annotated[str, Field(max_length=20)]], Field(max_length=CODES_MAX)]
Email = Annotated[
    str,
    Field(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$",
    ),
]
"""A mailbox that needs no quoting (the form of HTML's e-mail field), so that it can stand in a header as it is."""

Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class TerritoryBody(BaseModel):
    """Places by official codes."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    communes: Codes = []
    epcis: Codes = []
    departements: Codes = []
    collectivities: Codes = []

    def territory(self) -> Territory:
        return Territory.of(
            communes=self.communes,
            epcis=self.epcis,
            departements=self.departements,
            collectivities=self.collectivities,
        )


class OrganisationBody(BaseModel):
    """An organisation, whole."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Line
    kind: Literal["association", "council", "employment_service", "training_provider"]
    phone: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9 +().-]+$")]
    postal_address: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x09\x0b-\x1f]+$")]
    territory: TerritoryBody
    email: Email | None = None
    sandbox: bool | None = None
    """As it is, unless said; an organisation is real unless it is registered otherwise, and never changes that."""
    event_types: TypeNames | None = None
    """As they are, unless said; null for all of its role."""

    def details(self) -> Details:
        return Details(
            self.name,
            self.phone,
            self.postal_address,
            self.territory.territory(),
            self.email,
            listed_types(self.event_types),
        )


class ClientBody(BaseModel):
    """What a new client may do; everything its organisation may, unless said."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    scopes: Annotated[list[Annotated[str, Field(max_length=40)]], Field(min_length=1, max_length=10)] | None = None


def organisation_document(organisation: Organisation) -> dict[str, Any]:
    """Return an organisation as the API shows it."""
    details = organisation.details
    return {
        "organisation_id": str(organisation.organisation_id),
        "code": organisation.code,
        "kind": organisation.kind.value,
        "name": details.name,
        "phone": details.phone,
        "postal_address": details.postal_address,
        "email": details.email,
        "territory": {
            "communes": details.territory.communes,
            "epcis": details.territory.epcis,
            "departements": details.territory.departements,
            "collectivities": details.territory.collectivities,
        },
        "event_types": details.event_types,
        "sandbox": organisation.sandbox,
        "version": organisation.version,
        "changed_at": organisation.changed_at,
    }


@asynccontextmanager
async def _transaction(runtime: Runtime) -> AsyncIterator[tuple[Tx, datetime]]:
    async with refusals(), runtime.transaction() as tx:
        yield tx, runtime.clock.now()


def organisation_desk(tx: Tx, at: datetime) -> Desk:
    """Return what registering and changing an organisation touches."""
    return Desk(
        PostgresOrganisations(tx),
        OutboxPublisher(tx, at),
        PostgresStreams(tx),
        PostgresReferrals(tx),
        ScopeEvents(),
        SIMULATED,
    )


@router.put("/organisations/{code}")
async def put_organisation(
    code: Code, body: OrganisationBody, _: Operator, runtime: Parts, response: Response
) -> dict[str, Any]:
    """Register an organisation or change it; the same body twice changes nothing."""
    async with _transaction(runtime) as (tx, at):
        organisation, is_new = await register_organisation(
            organisation_desk(tx, at),
            code,
            Kind(body.kind),
            body.details(),
            at,
            body.sandbox,
            keeps_types="event_types" not in body.model_fields_set,
        )
    response.status_code = 201 if is_new else 200
    return organisation_document(organisation)


@router.put("/organisations/{code}/territory")
async def put_territory(code: Code, body: TerritoryBody, _: Operator, runtime: Parts) -> dict[str, Any]:
    """Give an organisation another territory; its stream follows in the same transaction."""
    async with _transaction(runtime) as (tx, at):
        organisation = await change_territory(organisation_desk(tx, at), code, body.territory(), at)
    return organisation_document(organisation)


@router.get("/organisations")
async def list_organisations(_: Operator, runtime: Parts) -> dict[str, Any]:
    """List the organisations that take part, by code."""
    async with runtime.db.connection() as tx:
        return {"items": [organisation_document(o) for o in await PostgresOrganisations(tx).all()]}


@router.get("/organisations/{code}")
async def get_organisation(code: Code, _: Operator, runtime: Parts) -> dict[str, Any]:
    """Show one organisation."""
    async with refusals(), runtime.db.connection() as tx:
        organisation = await PostgresOrganisations(tx).find(code)
        if organisation is None or organisation.kind not in PARTNERS:
            raise NotFound
        return organisation_document(organisation)


@router.post("/organisations/{code}/clients", status_code=201)
async def post_client(
    code: Code, _: Operator, runtime: Parts, response: Response, body: ClientBody | None = None
) -> dict[str, Any]:
    """Create an API client; the secret is in this answer and nowhere else."""
    response.headers["cache-control"] = "no-store"
    async with _transaction(runtime) as (tx, at):
        scopes = body.scopes if body is not None else None
        issued = await issue_client(PostgresOrganisations(tx), PostgresClients(tx), code, scopes, at)
    return {
        "client_id": issued.client.client_id,
        "client_secret": issued.secret,
        "scopes": sorted(issued.client.scopes),
    }
