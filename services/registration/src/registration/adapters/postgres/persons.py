"""Persons in PostgreSQL: one row for one person, whoever refers them and however many at once.

Whoever looks for a file, or opens one, holds its name and birth date until the transaction ends. The row is locked
before anything that was fetched is stored with it, so that an erasure comes wholly before or wholly after.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

import asyncpg

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.errors import Transient
from registration.adapters.contact_points import contact_hashes
from registration.adapters.events import Cause, row_for
from registration.adapters.postgres.appointments import APPOINTMENTS, appointment_of
from registration.adapters.sealing import lookup_hash, open_contact, open_described, place_hash, seal
from registration.app.ports import Known
from registration.domain.appointment import Appointment
from registration.domain.identity import Described
from registration.domain.recognition import Namesake, Recognised, Recognition, recognise
from registration.domain.registration import Identified, Registration, State
from registration.domain.support import Reason, Tier, TierChanged

PLACES = 16
"""Places of files under one name and birth date that one statement looks at; where all are taken, the next ones too.
Where an erasure left one, files past this number are not met, and their person is given another."""

LOOKS = 2

IS_IDENTIFIED = "SELECT EXISTS (SELECT FROM identifications WHERE referral_id = $1)"

# A file that another transaction is opening cannot be locked: what is looked for is, not what is there. A statement of
# its own, so that the next one sees all that was stored before.
LOCK_NAME = "SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 7307))"

# The unique index on lookup finds the rows. Their locks keep them as they are until we commit; who was erased while we
# waited is passed over.
FIND = """
SELECT subject_ref, state, version, lookup, wrapped_key, contact, contact_points FROM persons
WHERE lookup = ANY ($1::bytea[]) ORDER BY created_at, subject_ref FOR UPDATE
"""

# A process of a version without that lock is met on the index of lookup: waits for how its insert ends, and does
# nothing if it stayed.
ADD = """
INSERT INTO persons (subject_ref, version, state, wrapped_key, identity, contact, lookup, contact_points, created_at,
    changed_at)
VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (lookup) DO NOTHING RETURNING subject_ref, state, version
"""

# Of a file that is older than the column, under its lock.
KEEP_POINTS = "UPDATE persons SET contact_points = $2 WHERE subject_ref = $1"

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

    async def find_or_add(self, described: Described, subject_ref: UUID) -> Recognised:
        """Return the file with this name, birth date and a contact point, locked; a new draft where there was none."""
        named = lookup_hash(self._vault, described.identity, described.world)
        points = contact_hashes(self._vault, named, described.contact)
        await self._tx.execute(LOCK_NAME, named)
        for _ in range(LOOKS):
            namesakes, free = await self._namesakes(named)
            found = recognise(namesakes, points)
            if found is not None:
                return Recognised(found.registration, Recognition.FOUND)
            row = await self._add(described, subject_ref, free, points)
            if row is not None:
                how = Recognition.OPENED_BESIDE if namesakes else Recognition.OPENED
                return Recognised(_registration(row), how)
        raise Transient("a person was added while we looked, by a process that does not lock their name")

    async def _namesakes(self, named: bytes) -> tuple[list[Namesake], bytes]:
        """Return the files of one name and birth date, the oldest of each look first, and a place without one."""
        found: list[Namesake] = []
        for start in count(0, PLACES):
            places = [place_hash(self._vault, named, place) for place in range(start, start + PLACES)]
            rows = await self._tx.fetch(FIND, places)
            found += [Namesake(_registration(row), await self._points(row, named)) for row in rows]
            taken = {row["lookup"] for row in rows}
            free = next((place for place in places if place not in taken), None)
            if free is not None:
                return found, free
        raise AssertionError("places have no end")

    async def _points(self, row: asyncpg.Record, named: bytes) -> frozenset[bytes]:
        if row["contact_points"] is not None:
            return frozenset(row["contact_points"])
        points = contact_hashes(self._vault, named, open_contact(self._vault, row))
        await self._tx.execute(KEEP_POINTS, row["subject_ref"], sorted(points))
        return points

    async def _add(
        self, described: Described, subject_ref: UUID, lookup: bytes, points: frozenset[bytes]
    ) -> asyncpg.Record | None:
        sealed = seal(self._vault, subject_ref, described)
        return await self._tx.fetchrow(
            ADD,
            subject_ref, State.DRAFT, sealed.wrapped_key, sealed.identity, sealed.contact, lookup, sorted(points),
            self._now,
        )  # fmt: skip

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
        return Known(_registration(row), None if row["identity"] is None else open_described(self._vault, row))


def _registration(row: asyncpg.Record) -> Registration:
    return Registration(row["subject_ref"], State(row["state"]), row["version"])


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
