"""Referrals in PostgreSQL, to be read: lists, dossiers and claims; statements read one row more than asked at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from chassis.crypto import Vault
from chassis.db import Tx
from referrals.adapters.postgres import referral_of
from referrals.adapters.sealing import open_person, open_told
from referrals.adapters.story import story_of
from referrals.app.ports import Claimed, Dossier, Joint, Line, Position, Step
from referrals.domain.decline import Decline, DeclinedBy, DeclineReason
from referrals.domain.status import Actor, Status

IDENTIFIED = "identified"
"""The one line of a history that is not a status: registration found who the person is."""

READ = """
SELECT r.*, p.wrapped_key, p.person, p.note, s.subject_ref, s.identified_at
FROM referrals r LEFT JOIN referral_persons p USING (referral_id) LEFT JOIN referral_subjects s USING (referral_id)
WHERE r.referral_id = $1
"""
HISTORY = """
SELECT at, status, by, organisation_id, reasons, declined_by, shareable_with_person FROM referral_history
WHERE referral_id = $1 ORDER BY version
"""

# accompaniments_referral: one or two rows.
JOINT = """
SELECT accompaniment_id, status, employment_id FROM accompaniments WHERE referral_id = $1
ORDER BY proposed_at DESC, accompaniment_id DESC LIMIT 1
"""

_LINES = "SELECT r.*, p.wrapped_key, p.person FROM referrals r LEFT JOIN referral_persons p USING (referral_id) "
_BEFORE = "AND (r.submitted_at, r.referral_id) < ($2, $3) ORDER BY r.submitted_at DESC, r.referral_id DESC LIMIT $4"
# Each is one walk of the index named: a page costs its own rows, wherever it is in the list.
PAGES = {
    (Actor.REFERRER, False): _LINES + "WHERE r.referrer_id = $1 " + _BEFORE,  # referrals_sent
    (Actor.RECEIVER, False): _LINES + "WHERE r.receiver_id = $1 " + _BEFORE,  # referrals_asked
    (Actor.REFERRER, True): _LINES + "WHERE r.referrer_id = $1 AND r.status = $5 " + _BEFORE,  # referrals_sent_status
    (Actor.RECEIVER, True): _LINES + "WHERE r.receiver_id = $1 AND r.status = $5 " + _BEFORE,  # referrals_asked_status
}
BEGINNING = Position(datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))
"""Before every referral of a list, the newest first."""

COUNTS_SENT = "SELECT status, count(*) AS n FROM referrals WHERE referrer_id = $1 GROUP BY status"
COUNTS_ASKED = "SELECT status, count(*) AS n FROM referrals WHERE receiver_id = $1 GROUP BY status"

CLAIM = """
SELECT r.referral_id, r.version, r.status, r.sandbox, p.wrapped_key, p.person
FROM referrals r LEFT JOIN referral_persons p USING (referral_id) WHERE r.referral_id = ANY ($1::uuid[])
"""


class PostgresDossiers:
    """The `Dossiers` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def find(self, referral_id: UUID) -> Dossier | None:
        """Return a referral with what was told, its history, its subject and what followed from it."""
        row = await self._tx.fetchrow(READ, referral_id)
        if row is None:
            return None
        history = [_step(step) for step in await self._tx.fetch(HISTORY, referral_id)]
        if row["identified_at"] is not None:
            history.append(Step(row["identified_at"], IDENTIFIED, "registration"))
        # A stable sort: steps of one instant stay in the order of their versions.
        history.sort(key=lambda step: step.at)
        told = None if row["person"] is None else open_told(self._vault, row)
        joint = await self._tx.fetchrow(JOINT, referral_id)
        return Dossier(
            referral_of(row),
            told,
            tuple(history),
            row["subject_ref"],
            None if joint is None else Joint(**dict(joint)),
            await story_of(self._tx, referral_id),
        )

    async def page(
        self, organisation_id: UUID, side: Actor, *, status: Status | None, after: Position | None, limit: int
    ) -> Sequence[Line]:
        """Return part of one side's list, the newest first."""
        position = after or BEGINNING
        values: list[object] = [organisation_id, position.at, position.record_id, limit]
        if status is not None:
            values.append(status)
        rows = await self._tx.fetch(PAGES[side, status is not None], *values)
        return [
            Line(referral_of(row), None if row["person"] is None else open_person(self._vault, row)) for row in rows
        ]

    async def counts(self, organisation_id: UUID, side: Actor) -> Mapping[Status, int]:
        """Count one side's referrals by status."""
        statement = COUNTS_ASKED if side is Actor.RECEIVER else COUNTS_SENT
        rows = await self._tx.fetch(statement, organisation_id)
        return {Status(row["status"]): row["n"] for row in rows}

    async def claim(self, referral_ids: Sequence[UUID]) -> Sequence[Claimed]:
        """Return those that exist; who the person is only where somebody has a reason to know."""
        return [self._claimed(row) for row in await self._tx.fetch(CLAIM, list(referral_ids))]

    def _claimed(self, row: asyncpg.Record) -> Claimed:
        status, gone = Status(row["status"]), row["person"] is None
        # Withdrawn before anybody looked: there is no reason left to know who it was.
        told = None if gone or status is Status.WITHDRAWN else open_person(self._vault, row)
        return Claimed(row["referral_id"], row["version"], status, told, gone, row["sandbox"])


def _step(row: asyncpg.Record) -> Step:
    decline = None
    if row["reasons"] is not None:
        decline = Decline(
            tuple(DeclineReason(reason) for reason in row["reasons"]),
            DeclinedBy(row["declined_by"]),
            row["shareable_with_person"],
        )
    return Step(row["at"], row["status"], row["by"], decline, row["organisation_id"])
