"""Appointments in PostgreSQL, to be changed: an aggregate and its events are written by one statement.

The outbox insert selects from the aggregate write's RETURNING, so that events get their positions while the aggregate's
row is locked, in the order of their versions. A postponement adds its date to appointment_dates, and nothing else
anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.outbox import OutboxRow
from registration.adapters.events import appointment_rows
from registration.adapters.sealing import open_place, seal_place
from registration.domain.accompaniment import Accompaniment, Standing
from registration.domain.appointment import Appointment, Fact, Modality, What
from registration.domain.appointment_table import State

ACCOMPANIMENT_COLUMNS = """
k.accompaniment_id, k.version AS accompaniment_version, k.status, k.subject_ref, k.referral_id, k.correlation_id,
k.commune, k.referrer_id, k.referrer_kind, k.council_id, k.employment_id
"""
APPOINTMENTS = (
    "SELECT a.appointment_id, a.version, a.state, a.organiser_id, a.modality, a.duration_minutes, a.place, a.options, "
    "a.starts_at, p.wrapped_key, p.identity, p.contact, "
    + ACCOMPANIMENT_COLUMNS
    + "FROM appointments a JOIN known_accompaniments k USING (accompaniment_id) "
    "JOIN persons p ON p.subject_ref = a.subject_ref "
)

# The person's row lock, shared: an erasure, or news of an accompaniment, comes wholly before or wholly after. A
# statement of its own: what the next one reads is what stands once the lock is held.
LOCK_PERSON = """
SELECT 1 FROM persons WHERE state <> 'erased'
    AND subject_ref = (SELECT subject_ref FROM known_accompaniments WHERE accompaniment_id = $1) FOR SHARE
"""
ACCOMPANIMENT = "SELECT " + ACCOMPANIMENT_COLUMNS + "FROM known_accompaniments k WHERE k.accompaniment_id = $1"
KEY = "SELECT wrapped_key FROM persons WHERE subject_ref = $1"

_TELL = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT r.id, r.topic, r.key, r.type, r.headers::jsonb, r.payload
FROM appointment, unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[])
    WITH ORDINALITY AS r(id, topic, key, type, headers, payload, n)
ORDER BY r.n
"""
_ADDED = """
WITH appointment AS (
    INSERT INTO appointments (appointment_id, version, state, accompaniment_id, subject_ref, organiser_id, council_id,
        employment_id, modality, duration_minutes, place, options, starts_at)
    VALUES ($7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
    RETURNING appointment_id
)
"""
ADD = _ADDED + _TELL

# The primary key's row lock: every command of one appointment passes here, one after the other.
LOCK = APPOINTMENTS + "WHERE a.appointment_id = $1 FOR UPDATE OF a"

_SAVED = """
WITH appointment AS (
    UPDATE appointments SET version = $8, state = $9, options = $10, starts_at = $11
    WHERE appointment_id = $7 RETURNING appointment_id
), gone AS (
    INSERT INTO appointment_dates (appointment_id, starts_at)
    SELECT appointment_id, d FROM appointment, unnest($12::timestamptz[]) AS d
    ON CONFLICT DO NOTHING
)
"""
SAVE = _SAVED + _TELL


class PostgresAppointments:
    """The `Appointments` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def accompaniment(self, accompaniment_id: UUID) -> Accompaniment | None:
        """Return an accompaniment under the shared lock of its person; None for one that is unknown or erased."""
        if await self._tx.fetchval(LOCK_PERSON, accompaniment_id) is None:
            return None
        row = await self._tx.fetchrow(ACCOMPANIMENT, accompaniment_id)
        return None if row is None else accompaniment_of(row)

    async def add(self, appointment: Appointment, facts: Sequence[Fact]) -> None:
        """Insert the appointment, its place sealed, and its events."""
        story = appointment.accompaniment
        place = None
        if appointment.place is not None:
            key = await self._tx.fetchval(KEY, story.subject_ref)
            place = seal_place(self._vault, key, appointment.appointment_id, appointment.place)
        await self._tx.execute(
            ADD,
            *_columns(appointment_rows(appointment, facts)),
            appointment.appointment_id, appointment.version, appointment.state, story.accompaniment_id,
            story.subject_ref, appointment.organiser_id, story.council_id, story.employment_id, appointment.modality,
            appointment.duration_minutes, place, list(appointment.options), appointment.starts_at,
        )  # fmt: skip

    async def lock(self, appointment_id: UUID) -> Appointment | None:
        """Return the appointment under its row lock."""
        row = await self._tx.fetchrow(LOCK, appointment_id)
        return None if row is None else appointment_of(row, self._vault)

    async def save(self, appointment: Appointment, facts: Sequence[Fact]) -> None:
        """Update the appointment, add its events and the date that no longer holds."""
        gone = [fact.starts_at for fact in facts if fact.what is What.POSTPONED]
        await self._tx.execute(
            SAVE,
            *_columns(appointment_rows(appointment, facts)),
            appointment.appointment_id, appointment.version, appointment.state, list(appointment.options),
            appointment.starts_at, gone,
        )  # fmt: skip


def accompaniment_of(row: asyncpg.Record) -> Accompaniment:
    """Return the accompaniment of a row with ACCOMPANIMENT_COLUMNS."""
    return Accompaniment(
        accompaniment_id=row["accompaniment_id"],
        version=row["accompaniment_version"],
        standing=Standing(row["status"]),
        subject_ref=row["subject_ref"],
        referral_id=row["referral_id"],
        correlation_id=row["correlation_id"],
        commune=row["commune"],
        referrer_id=row["referrer_id"],
        referrer_kind=row["referrer_kind"],
        council_id=row["council_id"],
        employment_id=row["employment_id"],
    )


def appointment_of(row: asyncpg.Record, vault: Vault) -> Appointment:
    """Return the aggregate of a row of APPOINTMENTS; its place is gone with the person's key."""
    sealed, key = row["place"], row["wrapped_key"]
    return Appointment(
        appointment_id=row["appointment_id"],
        accompaniment=accompaniment_of(row),
        organiser_id=row["organiser_id"],
        modality=Modality(row["modality"]),
        duration_minutes=row["duration_minutes"],
        place=None if sealed is None or key is None else open_place(vault, key, row["appointment_id"], sealed),
        options=tuple(row["options"]),
        starts_at=row["starts_at"],
        state=State(row["state"]),
        version=row["version"],
    )


def _columns(rows: Sequence[OutboxRow]) -> tuple[list[Any], ...]:
    return (
        [row.id for row in rows],
        [row.topic for row in rows],
        [row.key for row in rows],
        [row.type for row in rows],
        [row.headers for row in rows],
        [row.payload for row in rows],
    )
