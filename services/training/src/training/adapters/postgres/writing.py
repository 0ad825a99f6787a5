"""One statement for what happened in a session: its seats, the enrolments, their steps and their events.

The outbox insert selects from the enrolments' RETURNING, so that events get their positions while the rows are locked:
positions follow versions. Seats change by a difference and are checked by the table: the statement that would take one
too many fails as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.db import Tx
from chassis.outbox import OutboxRow
from chassis.timers import start_timer, stop_timers
from training.adapters.events import Because, enrolment_row
from training.app.ports import Change
from training.domain.enrolment import Enrolment, EnrolmentChanged
from training.domain.session import Session

OFFER_TIMER = "seat-offer"

# enrolments_lists gives the order: a place is taken from the sequence in the order of `n`, last, or kept.
SAVE = """
WITH seats AS (
    UPDATE sessions SET taken = taken + $2, waiting = waiting + $3 WHERE session_id = $1
), enrolment AS (
    INSERT INTO enrolments (enrolment_id, version, status, session_id, asked_session_id, accompaniment_id, action_id,
        planned, requested_at, changed_at, waits_on, place, offer_expires_at)
    SELECT enrolment_id, version, status, session_id, asked_session_id, accompaniment_id, action_id,
        planned, requested_at, changed_at, waits_on,
        CASE WHEN waits_on IS NOT NULL THEN coalesce(place, nextval('enrolment_places')) END, offer_expires_at
    FROM jsonb_to_recordset($4::jsonb) AS e (
        n integer, enrolment_id uuid, version bigint, status text, session_id uuid, asked_session_id uuid,
        accompaniment_id uuid, action_id uuid, planned boolean, requested_at timestamptz, changed_at timestamptz,
        waits_on uuid, place bigint, offer_expires_at timestamptz)
    ORDER BY n
    ON CONFLICT (enrolment_id) DO UPDATE SET
        version = excluded.version, status = excluded.status, session_id = excluded.session_id,
        changed_at = excluded.changed_at, waits_on = excluded.waits_on, place = excluded.place,
        offer_expires_at = excluded.offer_expires_at
    RETURNING enrolment_id
), step AS (
    INSERT INTO enrolment_history (enrolment_id, version, at, status, by, session_id, rank, reason)
    SELECT enrolment_id, s.version, s.at, s.status, s.by, s.session_id, s.rank, s.reason
    FROM jsonb_to_recordset($5::jsonb) AS s (
        enrolment_id uuid, version bigint, at timestamptz, status text, by text, session_id uuid, rank integer,
        reason text)
    JOIN enrolment USING (enrolment_id)
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT r.id, r.topic, r.key, r.type, r.headers::jsonb, r.payload
FROM unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[])
    WITH ORDINALITY AS r (id, topic, key, type, headers, payload, n)
JOIN enrolment ON enrolment.enrolment_id = r.key::uuid
ORDER BY r.n
"""


class Writing:
    """What a book writes; it knows what the rows it locked said."""

    def __init__(self, tx: Tx, because: Because) -> None:
        self._tx = tx
        self._because = because
        self._counted: dict[UUID, tuple[int, int]] = {}
        self._offered: set[UUID] = set()

    def _count_from(self, session: Session) -> None:
        self._counted[session.session_id] = (session.taken, session.waiting)

    async def save(self, session: Session | None, changes: Sequence[Change]) -> None:
        """Write everything at once, then start and stop the terms of offers."""
        told = [(change.enrolment, fact) for change in changes for fact in change.facts]
        rows = [row for one in told if (row := enrolment_row(*one, self._because)) is not None]
        await self._tx.execute(
            SAVE,
            None if session is None else session.session_id,
            *self._differences(session),
            json.dumps([_enrolment(n, change.enrolment) for n, change in enumerate(changes)], default=str),
            json.dumps([_step(fact) for _, fact in told], default=str),
            *_columns(rows),
        )
        for change in changes:
            await self._follow_offer(change.enrolment)

    def _differences(self, session: Session | None) -> tuple[int, int]:
        if session is None:
            return 0, 0
        taken, waiting = self._counted[session.session_id]
        self._count_from(session)
        return session.taken - taken, session.waiting - waiting

    async def _follow_offer(self, enrolment: Enrolment) -> None:
        if enrolment.offer_expires_at is not None:
            self._offered.add(enrolment.enrolment_id)
            await start_timer(self._tx, OFFER_TIMER, enrolment.enrolment_id, enrolment.offer_expires_at)
        elif enrolment.enrolment_id in self._offered:
            self._offered.discard(enrolment.enrolment_id)
            await stop_timers(self._tx, enrolment.enrolment_id, OFFER_TIMER)


def _columns(rows: Sequence[OutboxRow]) -> tuple[list[Any], ...]:
    return (
        [row.id for row in rows],
        [row.topic for row in rows],
        [row.key for row in rows],
        [row.type for row in rows],
        [row.headers for row in rows],
        [row.payload for row in rows],
    )


def _enrolment(n: int, enrolment: Enrolment) -> dict[str, Any]:
    return {
        "n": n,
        "enrolment_id": enrolment.enrolment_id,
        "version": enrolment.version,
        "status": enrolment.status,
        "session_id": enrolment.session_id,
        "asked_session_id": enrolment.asked_session_id,
        "accompaniment_id": enrolment.accompaniment.accompaniment_id,
        "action_id": enrolment.action_id,
        "planned": enrolment.planned,
        "requested_at": enrolment.requested_at,
        "changed_at": enrolment.changed_at,
        "waits_on": enrolment.waits_on,
        "place": enrolment.place,
        "offer_expires_at": enrolment.offer_expires_at,
    }


def _step(fact: EnrolmentChanged) -> dict[str, Any]:
    return {
        "enrolment_id": fact.enrolment_id,
        "version": fact.version,
        "at": fact.at,
        "status": fact.status,
        "by": fact.by,
        "session_id": fact.session_id,
        "rank": fact.rank,
        "reason": fact.reason,
    }
