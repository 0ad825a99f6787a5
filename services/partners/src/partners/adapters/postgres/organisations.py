"""Organisations, their clients and members."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

import asyncpg

from chassis.db import Tx
from partners.domain.access import Client, Member, Role
from partners.domain.organisation import PARTNERS, Details, Kind, Organisation, Territory

FIND = "SELECT o.* FROM organisations o WHERE code = $1"
LOCK = "SELECT o.* FROM organisations o WHERE code = $1 FOR UPDATE"
LIST = "SELECT o.* FROM organisations o WHERE kind = ANY ($1) ORDER BY code"

ANOTHER_ANSWERS = """
SELECT EXISTS (
    SELECT FROM organisations
    WHERE kind = 'council' AND organisation_id <> $1 AND sandbox = $3 AND territory -> 'collectivities' ?| $2::text[]
)
"""
ADD = """
INSERT INTO organisations
    (organisation_id, code, kind, name, phone, postal_address, territory, version, correlation_id, changed_at, email,
     sandbox)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $12)
"""
SAVE = """
UPDATE organisations SET name = $2, phone = $3, postal_address = $4, territory = $5::jsonb, version = $6,
    changed_at = $7, email = $8
WHERE organisation_id = $1
"""


def _territory_json(territory: Territory) -> str:
    return json.dumps(
        {
            "communes": territory.communes,
            "epcis": territory.epcis,
            "departements": territory.departements,
            "collectivities": territory.collectivities,
        }
    )


def organisation_of(row: asyncpg.Record) -> Organisation:
    """Read an organisation from a row that has all columns of its table."""
    return Organisation(
        organisation_id=row["organisation_id"],
        code=row["code"],
        kind=Kind(row["kind"]),
        details=Details(
            row["name"],
            row["phone"],
            row["postal_address"],
            Territory.of(**json.loads(row["territory"])),
            row["email"],
        ),
        version=row["version"],
        correlation_id=row["correlation_id"],
        changed_at=row["changed_at"],
        sandbox=row["sandbox"],
    )


class PostgresOrganisations:
    """Implements Organisations."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def find(self, code: str) -> Organisation | None:
        row = await self._tx.fetchrow(FIND, code)
        return None if row is None else organisation_of(row)

    async def lock(self, code: str) -> Organisation | None:
        # organisations_code_key finds the one row to lock.
        row = await self._tx.fetchrow(LOCK, code)
        return None if row is None else organisation_of(row)

    async def all(self) -> list[Organisation]:
        """Return the organisations that take part, in the order of their codes."""
        return [organisation_of(row) for row in await self._tx.fetch(LIST, sorted(PARTNERS))]

    async def another_answers(self, organisation: Organisation) -> bool:
        collectivities = list(organisation.details.territory.collectivities)
        return bool(
            await self._tx.fetchval(ANOTHER_ANSWERS, organisation.organisation_id, collectivities, organisation.sandbox)
        )

    async def add(self, organisation: Organisation) -> None:
        details = organisation.details
        await self._tx.execute(
            ADD, organisation.organisation_id, organisation.code, organisation.kind.value, details.name,
            details.phone, details.postal_address, _territory_json(details.territory), organisation.version,
            organisation.correlation_id, organisation.changed_at, details.email, organisation.sandbox,
        )  # fmt: skip

    async def save(self, organisation: Organisation) -> None:
        details = organisation.details
        await self._tx.execute(
            SAVE, organisation.organisation_id, details.name, details.phone, details.postal_address,
            _territory_json(details.territory), organisation.version, organisation.changed_at, details.email,
        )  # fmt: skip


FIND_CLIENT = """
SELECT c.client_id, c.secret_sha256, c.scopes, c.revoked_at, o.*
FROM clients c JOIN organisations o USING (organisation_id) WHERE c.client_id = $1
"""
ADD_CLIENT = """
INSERT INTO clients (client_id, organisation_id, secret_sha256, scopes, created_at) VALUES ($1, $2, $3, $4, $5)
"""
REPLACE_CLIENT = (
    ADD_CLIENT
    + """
ON CONFLICT (client_id) DO UPDATE SET secret_sha256 = excluded.secret_sha256, scopes = excluded.scopes
WHERE clients.organisation_id = excluded.organisation_id
  AND (clients.secret_sha256, clients.scopes) IS DISTINCT FROM (excluded.secret_sha256, excluded.scopes)
"""
)
REVOKE_CLIENT = (
    "UPDATE clients SET revoked_at = $3 WHERE client_id = $1 AND organisation_id = $2 AND revoked_at IS NULL"
)
CLIENT_EXISTS = "SELECT EXISTS (SELECT FROM clients WHERE client_id = $1 AND organisation_id = $2)"


class PostgresClients:
    """Implements Clients."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def find(self, client_id: str) -> tuple[Client, Organisation] | None:
        row = await self._tx.fetchrow(FIND_CLIENT, client_id)
        if row is None:
            return None
        organisation = organisation_of(row)
        scopes = frozenset(row["scopes"])
        client = Client(row["client_id"], organisation.organisation_id, row["secret_sha256"], scopes, row["revoked_at"])
        return client, organisation

    async def add(self, client: Client, at: datetime) -> None:
        await self._tx.execute(ADD_CLIENT, *_client_values(client), at)

    async def replace(self, client: Client, at: datetime) -> None:
        await self._tx.execute(REPLACE_CLIENT, *_client_values(client), at)

    async def revoke(self, client_id: str, organisation_id: UUID, at: datetime) -> bool | None:
        if await self._tx.execute(REVOKE_CLIENT, client_id, organisation_id, at) == "UPDATE 1":
            return True
        return False if await self._tx.fetchval(CLIENT_EXISTS, client_id, organisation_id) else None


def _client_values(client: Client) -> tuple[object, ...]:
    return client.client_id, client.organisation_id, client.secret_sha256, sorted(client.scopes)


FIND_MEMBER = """
SELECT m.member_id, m.role, m.label, o.*
FROM members m JOIN organisations o USING (organisation_id) WHERE m.member_id = $1
"""
LIST_MEMBERS = """
SELECT m.member_id, m.role, m.label, o.*
FROM members m JOIN organisations o USING (organisation_id)
WHERE $1::text IS NULL OR o.code = $1 ORDER BY o.code, m.created_at, m.member_id
"""

# The update that changes nothing is there to return the row that was there before.
ADD_MEMBER = """
INSERT INTO members (member_id, organisation_id, role, label, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organisation_id, label) DO UPDATE SET label = excluded.label
RETURNING member_id, organisation_id, role, label
"""


class PostgresMembers:
    """Implements Members."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def find(self, member_id: UUID) -> tuple[Member, Organisation] | None:
        row = await self._tx.fetchrow(FIND_MEMBER, member_id)
        return None if row is None else (_member(row), organisation_of(row))

    async def of(self, code: str | None) -> list[tuple[Member, Organisation]]:
        """Return the members of one organisation, or of all."""
        return [(_member(row), organisation_of(row)) for row in await self._tx.fetch(LIST_MEMBERS, code)]

    async def add(self, member: Member, at: datetime) -> Member:
        row = await self._tx.fetchrow(
            ADD_MEMBER, member.member_id, member.organisation_id, member.role.value, member.label, at
        )
        assert row is not None  # RETURNING of an upsert
        return _member(row)


def _member(row: asyncpg.Record) -> Member:
    return Member(row["member_id"], row["organisation_id"], Role(row["role"]), row["label"])
