"""Tiers in PostgreSQL, and the accompaniments that decide them.

Whoever changes either holds the person's row: news of two accompaniments of one person come one after the other.
"""

from __future__ import annotations

from uuid import UUID

from chassis.db import Tx
from maillage_contracts import Envelope
from registration.adapters.events import tier_row
from registration.domain.accompaniment import Accompaniment
from registration.domain.errors import NotFound
from registration.domain.registration import State
from registration.domain.support import Support, Tier, TierChanged

# The primary key's row lock. What follows is read by statements of their own, once it is held.
LOCK = "SELECT state, version FROM persons WHERE subject_ref = $1 FOR UPDATE"

# The primary key, backwards.
LAST = "SELECT tier, previous_tier FROM tiers WHERE subject_ref = $1 ORDER BY version DESC LIMIT 1"

# known_accompaniments_subject finds them.
JOINT_BY = """
SELECT accompaniment_id FROM known_accompaniments WHERE subject_ref = $1 AND status IN ('active', 'review_due')
"""

# The primary key; an older version meets the newer one and changes nothing.
KEEP = """
INSERT INTO known_accompaniments AS known (accompaniment_id, version, status, subject_ref, referral_id, correlation_id,
    commune, referrer_id, referrer_kind, council_id, employment_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (accompaniment_id) DO UPDATE SET version = excluded.version, status = excluded.status
WHERE known.version < excluded.version
RETURNING 1
"""

# One statement: the event's position is given while the person's row is locked, so positions follow versions.
SAVE = """
WITH person AS (
    UPDATE persons SET version = $2, changed_at = $3 WHERE subject_ref = $1 RETURNING subject_ref, version
), change AS (
    INSERT INTO tiers (subject_ref, version, tier, previous_tier, reason, accompaniment_id, referral_id, changed_at)
    SELECT subject_ref, version, $4, $5, $6, $7, $8, $3 FROM person
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $9, $10, $11, $12, $13::jsonb, $14 FROM person
"""


class PostgresSupports:
    """The `Supports` port inside one transaction, because of one event."""

    def __init__(self, tx: Tx, cause: Envelope) -> None:
        self._tx = tx
        self._cause = cause

    async def lock(self, subject_ref: UUID) -> Support | None:
        """Return a person's support under their row lock; None once erased. Raises NotFound."""
        person = await self._tx.fetchrow(LOCK, subject_ref)
        if person is None:
            raise NotFound
        if person["state"] == State.ERASED:
            return None
        last = await self._tx.fetchrow(LAST, subject_ref)
        joint_by = {row["accompaniment_id"] for row in await self._tx.fetch(JOINT_BY, subject_ref)}
        if last is None:
            return Support(subject_ref, person["version"], joint_by=joint_by)
        return Support(subject_ref, person["version"], _tier(last["tier"]), _tier(last["previous_tier"]), joint_by)

    async def keep(self, told: Accompaniment) -> bool:
        """Insert or update the accompaniment; return False if something as new is known."""
        kept = await self._tx.fetchval(
            KEEP,
            told.accompaniment_id, told.version, told.standing, told.subject_ref, told.referral_id,
            told.correlation_id, told.commune, told.referrer_id, told.referrer_kind, told.council_id,
            told.employment_id,
        )  # fmt: skip
        return kept is not None

    async def save(self, support: Support, fact: TierChanged, story: Accompaniment) -> None:
        """Update the person's version, add the change to their history and append the event, in one statement."""
        row = tier_row(fact, story, self._cause)
        await self._tx.execute(
            SAVE,
            support.subject_ref, support.version, fact.at, fact.tier, fact.previous, fact.reason,
            fact.accompaniment_id, fact.referral_id,
            row.id, row.topic, row.key, row.type, row.headers, row.payload,
        )  # fmt: skip


def _tier(text: str | None) -> Tier | None:
    return None if text is None else Tier(text)
