"""Joint accompaniments in PostgreSQL, to be read by one of their two sides.

The caller's organisation is part of every statement: of somebody else's accompaniment nothing is read, and of the other
side's note not even the ciphertext.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from chassis.crypto import Vault
from chassis.db import Tx
from referrals.adapters.accompaniment_words import PLAN, plan_of
from referrals.adapters.accompaniments import accompaniment_of
from referrals.adapters.reading import BEGINNING
from referrals.adapters.sealing import open_person
from referrals.adapters.story import story_of
from referrals.adapters.words import open_note
from referrals.app.accompaniment_ports import JointDossier, JointLine, Note
from referrals.app.ports import Position
from referrals.domain.accompaniment_status import Side, Status
from referrals.domain.person import Person
from referrals.domain.plan import Plan

READ = """
SELECT a.*, k.wrapped_key AS words_key, p.wrapped_key, p.person
FROM accompaniments a LEFT JOIN accompaniment_keys k USING (accompaniment_id)
    LEFT JOIN referral_persons p USING (referral_id)
WHERE a.accompaniment_id = $1 AND $2 IN (a.council_id, a.employment_id)
"""
# The primary key, with the reader's side.
NOTE = "SELECT note, changed_at FROM accompaniment_notes WHERE accompaniment_id = $1 AND side = $2"

_LINES = "SELECT a.*, p.wrapped_key, p.person FROM accompaniments a LEFT JOIN referral_persons p USING (referral_id) "
_BEFORE = "AND (a.proposed_at, a.accompaniment_id) < ($2, $3) ORDER BY a.proposed_at DESC, a.accompaniment_id DESC "
# Each is one walk of the index named.
PAGES = {
    (Side.COUNCIL, False): _LINES + "WHERE a.council_id = $1 " + _BEFORE + "LIMIT $4",  # accompaniments_council
    (Side.EMPLOYMENT_SERVICE, False):  # accompaniments_employment
        _LINES + "WHERE a.employment_id = $1 " + _BEFORE + "LIMIT $4",
    (Side.COUNCIL, True):  # accompaniments_council_status
        _LINES + "WHERE a.council_id = $1 AND a.status = $5 " + _BEFORE + "LIMIT $4",
    (Side.EMPLOYMENT_SERVICE, True):  # accompaniments_employment_status
        _LINES + "WHERE a.employment_id = $1 AND a.status = $5 " + _BEFORE + "LIMIT $4",
}  # fmt: skip


class PostgresJointDossiers:
    """The `JointDossiers` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def find(self, accompaniment_id: UUID, organisation_id: UUID) -> JointDossier | None:
        """Return the accompaniment with its words, to one of its two organisations."""
        row = await self._tx.fetchrow(READ, accompaniment_id, organisation_id)
        if row is None:
            return None
        accompaniment = accompaniment_of(row)
        side = accompaniment.side_of(organisation_id)
        assert side is not None
        return JointDossier(
            accompaniment=accompaniment,
            side=side,
            person=self._person(row),
            plan=await self._plan(row),
            note=await self._note(row, side),
            story=await story_of(self._tx, accompaniment.referral_id),
            erased=row["words_key"] is None,
        )

    async def page(
        self, organisation_id: UUID, side: Side, *, status: Status | None, after: Position | None, limit: int
    ) -> Sequence[JointLine]:
        """Return part of one side's list, the newest first."""
        position = after or BEGINNING
        values: list[object] = [organisation_id, position.at, position.record_id, limit]
        if status is not None:
            values.append(status)
        rows = await self._tx.fetch(PAGES[side, status is not None], *values)
        return [JointLine(accompaniment_of(row), self._person(row)) for row in rows]

    def _person(self, row: asyncpg.Record) -> Person | None:
        return None if row["person"] is None else open_person(self._vault, row)

    async def _plan(self, row: asyncpg.Record) -> Plan:
        plan = await self._tx.fetchrow(PLAN, row["accompaniment_id"])
        return Plan() if plan is None else plan_of(self._vault, row["words_key"], row["accompaniment_id"], plan)

    async def _note(self, row: asyncpg.Record, side: Side) -> Note | None:
        found = await self._tx.fetchrow(NOTE, row["accompaniment_id"], side)
        if found is None or row["words_key"] is None:
            return None
        text = open_note(self._vault, row["words_key"], row["accompaniment_id"], side, found["note"])
        return Note(text, found["changed_at"])
