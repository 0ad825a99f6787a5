"""Persons in PostgreSQL: one row for one person, whoever refers them and however many at once.

The row is locked before anything that was fetched is stored with it, so that an erasure comes wholly before or wholly
after.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.errors import Transient
from registration.adapters.events import Cause, row_for
from registration.adapters.postgres.appointments import APPOINTMENTS, appointment_of
from registration.adapters.sealing import lookup_hash, open_described, seal
from registration.app.ports import Known
from registration.domain.appointment import Appointment
from registration.domain.identity import Described
from registration.domain.registration import Identified, Registration, State
from registration.domain.support import Reason, Tier, TierChanged

IS_IDENTIFIED = "SELECT EXISTS (SELECT FROM identifications WHERE referral_id = $1)"

# The unique index on lookup finds the row; its lock keeps it as it is until we commit.
FIND = "SELECT subject_ref, state, version FROM persons WHERE lookup = $1 FOR UPDATE"

# Meets a concurrent insert of the same person on that index, waits for how it ends, and does nothing if it stayed.
ADD = """
INSERT INTO persons (subject_ref, version, state, wrapped_key, identity, contact, lookup, created_at, changed_at)
VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (lookup) DO NOTHING RETURNING subject_ref, state, version
"""

# One statement: the event's position is given while the person's row is locked, so positions follow versions.
SAVE = """
WITH person AS (
    UPDATE persons SET version = $2, state = $3, changed_at = $4 WHERE subject_ref = $1 RETURNING subject_ref
), noted AS (
    INSERT INTO identifications (referral_id, subject_ref, outcome, identified_at)
    SELECT $5, subject_ref, $6, $4 FROM person
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $7, $8, $9, $10, $11::jsonb, $12 FROM person
"""

READ = """
SELECT subject_ref, state, version, wrapped_key, identity, contact FROM persons WHERE subject_ref = ANY ($1::uuid[])
"""

# The primary key has the order.
TIERS = """
SELECT subject_ref, version, tier, previous_tier, reason, accompaniment_id, referral_id, changed_at
FROM tiers WHERE subject_ref = $1 ORDER BY version
"""
THEIRS = APPOINTMENTS + "WHERE a.appointment_id = ANY ($1::uuid[]) AND a.subject_ref = ANY ($2::uuid[])"


class PostgresPersons:
    """The `Persons` port inside one transaction, because of one event."""

    def __init__(self, tx: Tx, vault: Vault, cause: Cause, now: datetime) -> None:
        self._tx = tx
        self._vault = vault
        self._cause = cause
        self._now = now

    async def is_identified(self, referral_id: UUID) -> bool:
        """Say whether this referral has led to a person already."""
        return bool(await self._tx.fetchval(IS_IDENTIFIED, referral_id))

    async def find_or_add(self, described: Described, subject_ref: UUID) -> Registration:
        """Return the one person with this name and birth date, locked; a new draft where there was none."""
        lookup = lookup_hash(self._vault, described.identity, described.world)
        row = await self._tx.fetchrow(FIND, lookup)
        if row is None:
            row = await self._add(described, subject_ref, lookup)
        if row is None:
            row = await self._tx.fetchrow(FIND, lookup)
        if row is None:
            raise Transient("the person was added and erased while we looked")
        return Registration(row["subject_ref"], State(row["state"]), row["version"])

    async def _add(self, described: Described, subject_ref: UUID, lookup: bytes) -> asyncpg.Record | None:
        sealed = seal(self._vault, subject_ref, described)
        return await self._tx.fetchrow(
            ADD, subject_ref, State.DRAFT, sealed.wrapped_key, sealed.identity, sealed.contact, lookup, self._now
        )

    async def save(self, registration: Registration, fact: Identified) -> None:
        """Update the person, note the referral and append the event, in one statement."""
        row = row_for(fact, self._cause)
        await self._tx.execute(
            SAVE,
            registration.subject_ref, registration.version, registration.state, fact.at, fact.referral_id,
            fact.outcome, row.id, row.topic, row.key, row.type, row.headers, row.payload,
        )  # fmt: skip


class PostgresFiles:
    """The `Files` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def find(self, subject_ref: UUID) -> Known | None:
        """Return a person with what is known of them."""
        found = await self.contacts([subject_ref])
        return found[0] if found else None

    async def contacts(self, subject_refs: Sequence[UUID]) -> Sequence[Known]:
        """Return those persons that exist, with what is known of them."""
        return [self._known(row) for row in await self._tx.fetch(READ, list(subject_refs))]

    async def tiers(self, subject_ref: UUID) -> Sequence[TierChanged]:
        """Return how a person's tier came about, the oldest change first."""
        return [_change(row) for row in await self._tx.fetch(TIERS, subject_ref)]

    async def appointments(
        self, subject_refs: Sequence[UUID], appointment_ids: Sequence[UUID]
    ) -> Sequence[Appointment]:
        """Return those of the appointments that are these persons'."""
        rows = await self._tx.fetch(THEIRS, list(appointment_ids), list(subject_refs))
        return [appointment_of(row, self._vault) for row in rows]

    def _known(self, row: asyncpg.Record) -> Known:
        registration = Registration(row["subject_ref"], State(row["state"]), row["version"])
        return Known(registration, None if row["identity"] is None else open_described(self._vault, row))


def _change(row: asyncpg.Record) -> TierChanged:
    tier, previous = row["tier"], row["previous_tier"]
    return TierChanged(
        subject_ref=row["subject_ref"],
        version=row["version"],
        tier=None if tier is None else Tier(tier),
        previous=None if previous is None else Tier(previous),
        reason=Reason(row["reason"]),
        accompaniment_id=row["accompaniment_id"],
        referral_id=row["referral_id"],
        at=row["changed_at"],
    )
