"""A person who lives elsewhere, in PostgreSQL: the referral, its step, its terms and its event.

As with every change of a referral, the outbox insert selects from its RETURNING: positions follow versions.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.outbox import prepare
from chassis.timers import start_timer, stop_timers
from referrals.adapters.accompaniments import PERSON
from referrals.adapters.events import moved_event
from referrals.adapters.postgres import SIMULATOR, TIMERS, PostgresReferrals
from referrals.domain.errors import PersonErased
from referrals.domain.referral import Moved, Referral
from referrals.domain.sandbox import STEP_AFTER, next_command

MOVED: Final = "moved"
"""The one line of a history that is neither a status nor an identification: the person lives elsewhere."""

# The row lock of LOCK. Steps of before keep the name of whoever took them: the party on that side is another now.
SAVE_MOVE = """
WITH referral AS (
    UPDATE referrals SET version = $2, status = $3, step = $4, changed_at = $5, overdue_at = $6, commune = $7,
        receiver_id = $8, asked_at = $9, simulated = $10,
        opened_at = CASE WHEN receiver_id = $8 THEN opened_at END
    WHERE referral_id = $1 RETURNING referral_id, version
), former AS (
    UPDATE referral_history SET organisation_id = $11
    WHERE referral_id = $1 AND by = 'receiver' AND organisation_id IS NULL AND $11 <> $8
), step AS (
    INSERT INTO referral_history (referral_id, version, at, status, by, organisation_id)
    SELECT referral_id, version, $5, $12, $13, CASE WHEN $13 = 'receiver' THEN $11 END FROM referral
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $14, $15, $16, $17, $18::jsonb, $19 FROM referral
"""


class PostgresMovingReferrals:
    """The `MovingReferrals` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._referrals = PostgresReferrals(tx, vault)

    async def lock(self, referral_id: UUID) -> Referral | None:
        return await self._referrals.lock(referral_id)

    async def check_person(self, referral_id: UUID) -> None:
        if await self._tx.fetchval(PERSON, referral_id) is None:
            raise PersonErased

    async def save_move(self, referral: Referral, fact: Moved) -> None:
        """Update the referral, add the step and the event; whoever is asked anew has terms of its own."""
        row = prepare(moved_event(referral, fact), at=fact.at, correlation_id=referral.correlation_id)
        await self._tx.execute(
            SAVE_MOVE,
            referral.referral_id, referral.version, referral.status, referral.step, referral.changed_at,
            referral.overdue_at, referral.commune, referral.parties.receiver_id, referral.asked_at, referral.simulated,
            fact.from_receiver_id, MOVED, fact.by, row.id, row.topic, row.key, row.type, row.headers, row.payload,
        )  # fmt: skip
        if fact.asked_anew:
            await self._ask(referral, fact.referral_id)

    async def _ask(self, referral: Referral, referral_id: UUID) -> None:
        await stop_timers(self._tx, referral_id, SIMULATOR)
        for kind, command in TIMERS.items():
            await start_timer(self._tx, kind, referral_id, referral.term(command))
        if next_command(referral.simulated, referral.status) is not None:
            await start_timer(self._tx, SIMULATOR, referral_id, referral.changed_at + STEP_AFTER)
