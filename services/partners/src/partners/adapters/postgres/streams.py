"""Streams in PostgreSQL: the gate, the locks, and rows that reach the outbox from the same statement.

A batch costs the same number of statements whatever its size. Locks are taken in one order everywhere: the gate, then
stream rows by organisation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from chassis.db import Tx
from maillage_contracts import partner_topic_name
from partners.adapters.postgres.stream_erasures import erase_rows
from partners.app.ports import Present, StreamRow
from partners.domain.organisation import Kind, Organisation
from partners.domain.stream import Fact, Matter, Stream

GATE: Final = 0x7061_7274_6E65_7273
"""Advisory lock key of the scope gate ("partners" in ASCII): shared by projections; edits and erasures are alone."""

OPEN = """
INSERT INTO partner_stream (organisation_id, code, topic, kind, sandbox, event_types) VALUES ($1, $2, $3, $4, $5, $6)
"""
CHOOSE_TYPES = "UPDATE partner_stream SET event_types = $2 WHERE organisation_id = $1"

LOCK_ONE = """
SELECT organisation_id, code, topic, kind, last_position, sandbox, event_types FROM partner_stream
WHERE organisation_id = $1 FOR UPDATE
"""
ALL_COMMUNES = "SELECT commune FROM stream_communes WHERE organisation_id = $1"

# The inner queries read scope, which the gate keeps still; the lock then waits, row by row in order, for other
# projections, and reads each last_position as they left it.
LOCK_CONCERNED = """
SELECT organisation_id, code, topic, kind, last_position, sandbox, event_types, ARRAY(
    SELECT commune FROM stream_communes c WHERE c.organisation_id = s.organisation_id AND commune = ANY ($1)
) AS communes
FROM partner_stream s
WHERE organisation_id = ANY (ARRAY(
    SELECT organisation_id FROM stream_communes WHERE commune = ANY ($1)
    UNION SELECT organisation_id FROM partner_stream WHERE kind <> 'council' AND organisation_id = ANY ($2)
    UNION SELECT organisation_id FROM told_persons WHERE subject_ref = ANY ($3)
))
ORDER BY organisation_id FOR UPDATE OF s
"""
# told_persons_pkey begins with the person.
TOLD = """
SELECT organisation_id, array_agg(subject_ref) AS persons FROM told_persons
WHERE subject_ref = ANY ($2) AND organisation_id = ANY ($1) GROUP BY organisation_id
"""
# The rows of one organisation are written by whoever holds its stream: nobody waits here.
TELL = """
INSERT INTO told_persons (subject_ref, organisation_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING
"""
# erased_persons_pkey. Written inside the gate alone, read inside it shared: there is nothing to race with.
NOTE_ERASED = """
INSERT INTO erased_persons (subject_ref, erased_at) SELECT unnest($1::uuid[]), $2 ON CONFLICT DO NOTHING
"""
# known_persons_subject, stream_events_subject. Whoever was told of the referral alone, as by a snapshot from before its
# person was identified, hears of the erasure too. Only an erasure pays for that.
TELL_OF_REFERRALS = """
INSERT INTO told_persons (subject_ref, organisation_id)
SELECT DISTINCT p.subject_ref, e.organisation_id
FROM known_persons p JOIN stream_events e ON e.subject = p.referral_id::text
WHERE p.subject_ref = ANY ($1) ON CONFLICT DO NOTHING
"""
# erased_persons_pkey; known_persons_pkey first for referrals, whose own events do not say whose they are.
ERASED = """
SELECT subject_ref AS id FROM erased_persons WHERE subject_ref = ANY ($1)
UNION ALL
SELECT p.referral_id FROM known_persons p JOIN erased_persons x USING (subject_ref) WHERE p.referral_id = ANY ($2)
"""
# By event alone: with both columns the index would be asked once per pair. And of the referrers, organisations_sandbox:
# the few of the sandbox. A world never changes, so that this needs no lock.
PRESENT = """
SELECT organisation_id, event_id FROM stream_events WHERE event_id = ANY ($1)
UNION ALL SELECT organisation_id, NULL FROM organisations WHERE sandbox AND organisation_id = ANY ($2)
"""

# The outbox takes its rows from the stream's RETURNING and in its order: two CTEs side by side may swap them.
APPEND = """
WITH added AS (
    INSERT INTO stream_events
        (organisation_id, position, event_id, ce_type, subject, headers, payload, created_at)
    SELECT organisation_id, position, event_id, ce_type, subject, headers::jsonb, payload, $8::timestamptz
    FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bytea[])
        AS r(organisation_id, position, event_id, ce_type, subject, headers, payload)
    RETURNING organisation_id, position, event_id, ce_type, subject, headers, payload
), begun AS (
    -- stream_days_pkey. The stream is locked: nobody else begins its day. A clock that is behind begins none.
    INSERT INTO stream_days (organisation_id, day, first_position)
    SELECT a.organisation_id, ($8 AT TIME ZONE 'UTC')::date, min(a.position) FROM added a
    WHERE NOT EXISTS (
        SELECT FROM stream_days d
        WHERE d.organisation_id = a.organisation_id AND d.day >= ($8 AT TIME ZONE 'UTC')::date
    )
    GROUP BY a.organisation_id
), moved AS (
    UPDATE partner_stream s SET last_position = a.last_position
    FROM (SELECT organisation_id, max(position) AS last_position FROM added GROUP BY organisation_id) a
    WHERE s.organisation_id = a.organisation_id
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT a.event_id, s.topic, a.subject, a.ce_type, a.headers, a.payload
FROM added a JOIN partner_stream s USING (organisation_id)
WHERE s.kafka_ready_at IS NOT NULL
ORDER BY a.organisation_id, a.position
"""
ADD_COMMUNES = "INSERT INTO stream_communes (organisation_id, commune) SELECT $1, unnest($2::text[])"
REMOVE_COMMUNES = "DELETE FROM stream_communes WHERE organisation_id = $1 AND commune = ANY ($2)"


class PostgresStreams:
    """Implements Streams."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def enter_gate(self, *, alone: bool) -> None:
        # A statement of its own: the snapshots of those that follow begin after whoever was inside has committed.
        if alone:
            await self._tx.execute("SELECT pg_advisory_xact_lock($1)", GATE)
        else:
            await self._tx.execute("SELECT pg_advisory_xact_lock_shared($1)", GATE)

    async def open(self, organisation: Organisation) -> None:
        topic = partner_topic_name(organisation.code)
        await self._tx.execute(
            OPEN,
            organisation.organisation_id,
            organisation.code,
            topic,
            organisation.kind.value,
            organisation.sandbox,
            organisation.details.event_types,
        )

    async def choose_types(self, organisation: Organisation) -> None:
        await self._tx.execute(CHOOSE_TYPES, organisation.organisation_id, organisation.details.event_types)

    async def lock(self, organisation_id: UUID) -> Stream:
        row = await self._tx.fetchrow(LOCK_ONE, organisation_id)
        assert row is not None  # whoever takes part has one from its registration on
        communes = await self._tx.fetch(ALL_COMMUNES, organisation_id)
        return _stream(row, frozenset(r["commune"] for r in communes), frozenset())

    async def lock_concerned(self, facts: Sequence[Fact]) -> list[Stream]:
        routings = [fact.routing for fact in facts if fact.routing is not None]
        communes = sorted({commune for fact in facts for commune in fact.communes()})
        parties = sorted({party for routing in routings for party in routing.parties()})
        erased = sorted({f.person for f in facts if f.matter is Matter.ERASURE and f.person is not None})
        rows = await self._tx.fetch(LOCK_CONCERNED, communes, parties, erased)
        if not rows:
            return []
        owners = [row["organisation_id"] for row in rows]
        told = {}
        if erased:
            told = {r["organisation_id"]: r["persons"] for r in await self._tx.fetch(TOLD, owners, erased)}
        return [
            _stream(row, frozenset(row["communes"]), frozenset(told.get(owner, ())))
            for row, owner in zip(rows, owners, strict=True)
        ]

    async def present(self, facts: Sequence[Fact]) -> Present:
        referrers = {fact.routing.referrer_organisation_id for fact in facts if fact.routing is not None}
        rows = await self._tx.fetch(PRESENT, [fact.event_id for fact in facts], sorted(referrers))
        return Present(
            frozenset((row["organisation_id"], row["event_id"]) for row in rows if row["event_id"] is not None),
            frozenset(row["organisation_id"] for row in rows if row["event_id"] is None),
        )

    async def append(self, rows: Sequence[StreamRow], at: datetime) -> None:
        if not rows:
            return
        await self._tx.execute(
            APPEND,
            [row.stream.organisation_id for row in rows],
            [row.position for row in rows],
            [row.event_id for row in rows],
            [row.ce_type for row in rows],
            [row.subject for row in rows],
            [row.headers for row in rows],
            [row.payload for row in rows],
            at,
        )
        told = {(row.person, row.stream.organisation_id) for row in rows if row.person is not None}
        if told:
            await self._tx.execute(TELL, *map(list, zip(*told, strict=True)))

    async def note_erased(self, persons: Sequence[UUID], at: datetime) -> None:
        if persons:
            await self._tx.execute(NOTE_ERASED, list(persons), at)
            await self._tx.execute(TELL_OF_REFERRALS, list(persons))

    async def erase_rows(self, persons: Sequence[UUID]) -> None:
        await erase_rows(self._tx, persons)

    async def erased(self, persons: Collection[UUID], referrals: Collection[UUID]) -> set[UUID]:
        if not (persons or referrals):
            return set()
        return {row["id"] for row in await self._tx.fetch(ERASED, sorted(persons), sorted(referrals))}

    async def change_communes(self, stream: Stream, *, added: Iterable[str], removed: Iterable[str]) -> None:
        await self._tx.execute(REMOVE_COMMUNES, stream.organisation_id, list(removed))
        await self._tx.execute(ADD_COMMUNES, stream.organisation_id, list(added))


def _stream(row: asyncpg.Record, communes: frozenset[str], told: frozenset[UUID]) -> Stream:
    return Stream(
        organisation_id=row["organisation_id"],
        code=row["code"],
        topic=row["topic"],
        kind=Kind(row["kind"]),
        last_position=row["last_position"],
        communes=communes,
        told=told,
        sandbox=row["sandbox"],
        event_types=None if row["event_types"] is None else frozenset(row["event_types"]),
    )
