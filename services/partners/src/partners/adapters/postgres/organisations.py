"""Organisations and their members."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import asyncpg

from chassis.db import Tx
from partners.domain.access import Member, Role
from partners.domain.organisation import PARTNERS, Details, Kind, Organisation, Territory

FIND = "SELECT o.* FROM organisations o WHERE code = $1"
OF_ID = "SELECT o.* FROM organisations o WHERE organisation_id = $1"
CODES = "SELECT organisation_id, code FROM organisations WHERE organisation_id = ANY ($1)"
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
     sandbox, event_types)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $12, $13)
"""
SAVE = """
UPDATE organisations SET name = $2, phone = $3, postal_address = $4, territory = $5::jsonb, version = $6,
    changed_at = $7, email = $8, event_types = $9
WHERE organisation_id = $1
"""


def territory_json(territory: Territory) -> str:
    """Write a territory as its column holds it."""
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
            None if row["event_types"] is None else tuple(row["event_types"]),
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

    async def of_id(self, organisation_id: UUID) -> Organisation | None:
        row = await self._tx.fetchrow(OF_ID, organisation_id)
        return None if row is None else organisation_of(row)

    async def codes(self, organisation_ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
        """Return the codes of organisations, by id; nobody's is nobody's."""
        rows = await self._tx.fetch(CODES, [one for one in organisation_ids if one is not None])
        return {row["organisation_id"]: row["code"] for row in rows}

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
            details.phone, details.postal_address, territory_json(details.territory), organisation.version,
            organisation.correlation_id, organisation.changed_at, details.email, organisation.sandbox,
            details.event_types,
        )  # fmt: skip

    async def save(self, organisation: Organisation) -> None:
        details = organisation.details
        await self._tx.execute(
            SAVE, organisation.organisation_id, details.name, details.phone, details.postal_address,
            territory_json(details.territory), organisation.version, organisation.changed_at, details.email,
            details.event_types,
        )  # fmt: skip


FIND_MEMBER = """
SELECT m.member_id, m.role, m.label, m.grant_id, o.*
FROM members m JOIN organisations o USING (organisation_id) WHERE m.member_id = $1
"""
LIST_MEMBERS = """
SELECT m.member_id, m.role, m.label, m.grant_id, o.*
FROM members m JOIN organisations o USING (organisation_id)
WHERE $1::text IS NULL OR o.code = $1 ORDER BY o.code, m.created_at, m.member_id
"""

# The update that changes nothing is there to return the row that was there before.
ADD_MEMBER = """
INSERT INTO members (member_id, organisation_id, role, label, grant_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organisation_id, label) DO UPDATE SET label = excluded.label
RETURNING member_id, organisation_id, role, label, grant_id
"""
# The unique (organisation_id, label).
ANOTHER_HAS = """
SELECT EXISTS (SELECT FROM members WHERE organisation_id = $1 AND label = $2 AND member_id <> $3)
"""
COUNT_MEMBERS = "SELECT count(*) FROM members WHERE organisation_id = $1 AND role = $2"
SAVE_MEMBER = "UPDATE members SET role = $2, label = $3, grant_id = $4 WHERE member_id = $1"
REMOVE_MEMBER = "DELETE FROM members WHERE member_id = $1"


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
            ADD_MEMBER, member.member_id, member.organisation_id, member.role.value, member.label, member.grant_id, at
        )
        assert row is not None  # RETURNING of an upsert
        return _member(row)

    async def another_has(self, member: Member, label: str) -> bool:
        return bool(await self._tx.fetchval(ANOTHER_HAS, member.organisation_id, label, member.member_id))

    async def count(self, organisation_id: UUID, role: Role) -> int:
        return int(await self._tx.fetchval(COUNT_MEMBERS, organisation_id, role.value))

    async def save(self, member: Member) -> None:
        await self._tx.execute(SAVE_MEMBER, member.member_id, member.role.value, member.label, member.grant_id)

    async def remove(self, member_id: UUID) -> None:
        await self._tx.execute(REMOVE_MEMBER, member_id)


def _member(row: asyncpg.Record) -> Member:
    return Member(row["member_id"], row["organisation_id"], Role(row["role"]), row["label"], row["grant_id"])
