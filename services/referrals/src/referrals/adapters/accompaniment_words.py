"""What is said in words about an accompaniment, in PostgreSQL: written under the lock of its key's row.

Without that row nothing can be written (foreign keys) or read: deleting it is the erasure, and whoever writes at that
moment comes wholly before or wholly after it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg

from chassis.crypto import Vault, WrappedKey
from chassis.db import Tx
from referrals.adapters.words import PlanWords, actions_of, codes_of, open_plan, seal_note, seal_plan
from referrals.domain.accompaniment_status import Side
from referrals.domain.errors import PersonErased
from referrals.domain.plan import Plan

# The key's row lock keeps an erasure out until we have written; without the row nothing is written.
KEY = "SELECT wrapped_key FROM accompaniment_keys WHERE accompaniment_id = $1 FOR SHARE"
PLAN = """
SELECT p.version, p.actions, p.changed_at, p.changed_by, w.words
FROM accompaniment_plans p LEFT JOIN plan_words w USING (accompaniment_id) WHERE p.accompaniment_id = $1
"""
SAVE_PLAN = """
WITH plan AS (
    INSERT INTO accompaniment_plans (accompaniment_id, version, actions, changed_at, changed_by)
    VALUES ($1, $2, $3::jsonb, $4, $5)
    ON CONFLICT (accompaniment_id) DO UPDATE SET version = excluded.version, actions = excluded.actions,
        changed_at = excluded.changed_at, changed_by = excluded.changed_by
)
INSERT INTO plan_words (accompaniment_id, words) VALUES ($1, $6)
ON CONFLICT (accompaniment_id) DO UPDATE SET words = excluded.words
"""
SAVE_NOTE = """
INSERT INTO accompaniment_notes (accompaniment_id, side, note, changed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (accompaniment_id, side) DO UPDATE SET note = excluded.note, changed_at = excluded.changed_at
"""
REMOVE_NOTE = "DELETE FROM accompaniment_notes WHERE accompaniment_id = $1 AND side = $2"


class PostgresWords:
    """The `Words` port inside one transaction, for accompaniments that the caller has locked."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def plan(self, accompaniment_id: UUID) -> Plan:
        """Return the plan, opened."""
        key = await self._key(accompaniment_id)
        row = await self._tx.fetchrow(PLAN, accompaniment_id)
        return Plan() if row is None else plan_of(self._vault, key, accompaniment_id, row)

    async def save_plan(self, accompaniment_id: UUID, plan: Plan) -> None:
        """Replace the plan: its codes as they are, its words sealed."""
        words = seal_plan(self._vault, await self._key(accompaniment_id), accompaniment_id, plan)
        await self._tx.execute(
            SAVE_PLAN, accompaniment_id, plan.version, codes_of(plan), plan.changed_at, plan.changed_by, words
        )

    async def write_note(self, accompaniment_id: UUID, side: Side, text: str | None, at: datetime) -> None:
        """Insert, replace or delete one side's note, and touch nothing that the other side reads."""
        key = await self._key(accompaniment_id)
        if text is None:
            await self._tx.execute(REMOVE_NOTE, accompaniment_id, side)
        else:
            sealed = seal_note(self._vault, key, accompaniment_id, side, text)
            await self._tx.execute(SAVE_NOTE, accompaniment_id, side, sealed, at)

    async def _key(self, accompaniment_id: UUID) -> WrappedKey:
        key: WrappedKey | None = await self._tx.fetchval(KEY, accompaniment_id)
        if key is None:
            raise PersonErased
        return key


def plan_of(vault: Vault, key: WrappedKey | None, accompaniment_id: UUID, row: asyncpg.Record) -> Plan:
    """Return the plan of a row of `accompaniment_plans` and `plan_words`; without words once they are erased."""
    words = PlanWords()
    if key is not None and row["words"] is not None:
        words = open_plan(vault, key, accompaniment_id, row["words"])
    actions = actions_of(row["actions"], words.texts)
    return Plan(row["version"], words.goals, actions, row["changed_at"], Side(row["changed_by"]))
