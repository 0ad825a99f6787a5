"""Erasure in PostgreSQL: the person's key is destroyed, what is kept about them deleted, and the event appended.

The person's row is locked first: whatever else would be stored about them comes wholly before, and is deleted, or finds
them erased. What stays is a reference: that there was a file, which referrals led to it, and who read it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from chassis.crypto import Vault
from chassis.db import Tx
from registration.adapters.events import erased_row
from registration.adapters.sealing import erased_link
from registration.domain.registration import Erasure, Registration, State

# The primary key's row lock; the statements after it see all that was stored before.
LOCK = "SELECT state, version, changed_at FROM persons WHERE subject_ref = $1 FOR UPDATE"

# appointments_subject. Whoever changes one of them holds its row, and nothing that we hold: we wait, then delete it.
APPOINTMENTS = "SELECT appointment_id FROM appointments WHERE subject_ref = $1 ORDER BY appointment_id FOR UPDATE"

# Answers are kept a day, and hold the dates of an appointment.
FORGET_ANSWERS = "DELETE FROM idempotency_keys WHERE resource_id = ANY ($1::uuid[])"

REMEMBER_LINKS = """
INSERT INTO erased_links (digest, erased_at) SELECT d, $2 FROM unnest($1::bytea[]) AS d ON CONFLICT DO NOTHING
"""

# appointments_subject, the primary key, sharings_subject, known_accompaniments_subject; appointment_dates cascade.
DELETES = (
    "DELETE FROM appointments WHERE subject_ref = $1",
    "DELETE FROM tiers WHERE subject_ref = $1",
    "DELETE FROM sharings WHERE subject_ref = $1",
    "DELETE FROM known_accompaniments WHERE subject_ref = $1",
)

# One statement: the event's position is given while the person's row is locked, after all that was told of them.
SAVE = """
WITH person AS (
    UPDATE persons SET version = $2, state = $3, changed_at = $4,
        wrapped_key = NULL, identity = NULL, contact = NULL, lookup = NULL, contact_points = NULL
    WHERE subject_ref = $1 RETURNING subject_ref
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $5, $6, $7, $8, $9::jsonb, $10 FROM person
"""


class PostgresErasures:
    """The `Erasures` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def lock(self, subject_ref: UUID) -> tuple[Registration, datetime] | None:
        """Return a person and when they last changed, under their row lock."""
        row = await self._tx.fetchrow(LOCK, subject_ref)
        if row is None:
            return None
        return Registration(subject_ref, State(row["state"]), row["version"]), row["changed_at"]

    async def save(self, registration: Registration, fact: Erasure) -> None:
        """Delete what is kept about the person, destroy their key and append the event."""
        subject_ref = registration.subject_ref
        ids = [row["appointment_id"] for row in await self._tx.fetch(APPOINTMENTS, subject_ref)]
        await self._tx.execute(FORGET_ANSWERS, ids)
        await self._tx.execute(REMEMBER_LINKS, [erased_link(self._vault, id_) for id_ in ids], fact.at)
        for statement in DELETES:
            await self._tx.execute(statement, subject_ref)
        row = erased_row(fact)
        await self._tx.execute(
            SAVE,
            subject_ref, registration.version, registration.state, fact.at,
            row.id, row.topic, row.key, row.type, row.headers, row.payload,
        )  # fmt: skip
