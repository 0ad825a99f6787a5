"""Routes of API clients and their secrets: an organisation manages its own, operators those of anybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.ids import derived_id
from partners.adapters.events import OutboxPublisher
from partners.adapters.http.owner import Owner, Parts, for_owners, owner_by
from partners.adapters.http.refusals import refusals
from partners.adapters.postgres.clients import PostgresClients
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.app.revoke_client import revoke_client
from partners.app.rotate_secret import revoke_secret, rotate_secret
from partners.domain.access import MANAGE, Client

OVERLAP_HOURS = 168
"""A week: the new secret reaches every machine of an organisation without anybody working on a Sunday."""

Whose = Annotated[Owner, owner_by(MANAGE)]
ClientId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._~-]{1,128}$")]
SecretId = Annotated[UUID, Path()]


class RotationBody(BaseModel):
    """How long the secret in use still opens, and how long the new one will."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    overlap_hours: int = Field(default=OVERLAP_HOURS, ge=0, le=24 * 90)
    lifetime_days: int | None = Field(default=None, ge=1, le=730)


def client_document(client: Client) -> dict[str, Any]:
    """Return a client as the API shows it."""
    return {
        "client_id": client.client_id,
        "scopes": sorted(client.scopes),
        "created_at": client.created_at,
        "last_used_at": client.last_used_at,
        "secrets": [
            {
                "secret_id": str(secret.secret_id),
                "created_at": secret.created_at,
                "expires_at": secret.expires_at,
                "last_used_at": secret.last_used_at,
            }
            for secret in client.secrets
        ],
    }


def client_routes() -> APIRouter:
    """Return the routes, under `/clients` and under `/organisations/{code}/clients`."""
    return for_owners(_clients(), _secrets())


def _clients() -> APIRouter:
    router = APIRouter()

    @router.get("/clients")
    async def list_clients(owner: Whose, runtime: Parts) -> dict[str, Any]:
        """List the organisation's clients, oldest first, each with its live secrets, newest first."""
        async with runtime.db.connection() as tx:
            clients = await PostgresClients(tx).of(owner.organisation_id, runtime.clock.now())
        return {"items": [client_document(client) for client in clients]}

    @router.delete("/clients/{client_id}", status_code=204)
    async def delete_client(client_id: ClientId, owner: Whose, runtime: Parts) -> None:
        """Revoke a client, everywhere within seconds."""
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            await revoke_client(
                PostgresOrganisations(tx), PostgresClients(tx), OutboxPublisher(tx, at), owner.code, client_id, at
            )
            await owner.note(tx, runtime, "client", _record_of(owner, client_id), "revoked")

    return router


def _secrets() -> APIRouter:
    router = APIRouter()

    @router.post("/clients/{client_id}/secrets", status_code=201)
    async def post_secret(
        client_id: ClientId, owner: Whose, runtime: Parts, response: Response, body: RotationBody | None = None
    ) -> dict[str, Any]:
        """Add a secret, shown in this answer and nowhere else; the one in use ends after the overlap."""
        response.headers["cache-control"] = "no-store"
        asked = body or RotationBody()
        lifetime = None if asked.lifetime_days is None else timedelta(days=asked.lifetime_days)
        async with refusals(), runtime.transaction() as tx:
            rotated = await rotate_secret(
                PostgresClients(tx), owner.organisation_id, client_id,
                overlap=timedelta(hours=asked.overlap_hours), lifetime=lifetime, at=runtime.clock.now(),
            )  # fmt: skip
            await owner.note(tx, runtime, "secret", rotated.secret.secret_id, "created")
        return {
            "secret_id": str(rotated.secret.secret_id),
            "client_secret": rotated.text,
            "created_at": rotated.secret.created_at,
            "expires_at": rotated.secret.expires_at,
            "expires_at_of_older": rotated.older_until,
        }

    @router.delete("/clients/{client_id}/secrets/{secret_id}", status_code=204)
    async def delete_secret(client_id: ClientId, secret_id: SecretId, owner: Whose, runtime: Parts) -> None:
        """Revoke a secret, and the tokens it was exchanged for, everywhere within seconds."""
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            await revoke_secret(
                PostgresOrganisations(tx), PostgresClients(tx), OutboxPublisher(tx, at), owner.code, client_id,
                secret_id, at,
            )  # fmt: skip
            await owner.note(tx, runtime, "secret", secret_id, "revoked")

    return router


def _record_of(owner: Owner, client_id: str) -> UUID:
    # The audit names records by UUID, and a client's id is a word.
    return derived_id(owner.organisation_id, f"client:{client_id}")
