"""Sessions and enrolments in PostgreSQL, to be changed. The lock of a session's row is the lock of its seats.

Whoever changes an enrolment locks its session first, then the enrolment. Only an opening locks enrolments of other
sessions, which are cancelled: nobody who holds one of those locks waits for the opening.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from chassis.db import Tx
from chassis.errors import Transient
from training.adapters.events import Because, session_row
from training.adapters.postgres.rows import ENROLMENT_COLUMNS, enrolment_of, session_of
from training.adapters.postgres.writing import Writing
from training.domain.enrolment import Enrolment
from training.domain.plan import Seen
from training.domain.session import Session, SessionChanged
from training.domain.status import OPEN, Status

ADD_SESSION = """
WITH session AS (
    INSERT INTO sessions (session_id, version, status, correlation_id, organisation_id, title, theme, commune, seats,
        hours, starts_at, place, opened_at, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
    RETURNING session_id
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $14, $15, $16, $17, $18::jsonb, $19 FROM session
"""

# A cancelled session counts nothing: its enrolments follow, in the same transaction, under the same lock.
CANCEL_SESSION = """
WITH session AS (
    UPDATE sessions SET version = $2, status = $3, changed_at = $4, taken = 0, waiting = 0
    WHERE session_id = $1 RETURNING session_id
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $5, $6, $7, $8, $9::jsonb, $10 FROM session
"""

# The primary key's row lock: all that happens to the seats of one session passes here, one after the other.
LOCK_SESSION = "SELECT * FROM sessions WHERE session_id = $1 FOR UPDATE"
# The world of an organisation never changes; whoever has not been heard of is real. directory_organisations_pkey.
WORLDS = "SELECT count(*) FILTER (WHERE sandbox) FROM directory_organisations WHERE organisation_id IN ($1, $2)"

SESSION_OF = "SELECT session_id FROM enrolments WHERE enrolment_id = $1"

_ENROLMENTS = f"SELECT {ENROLMENT_COLUMNS} FROM enrolments e JOIN known_accompaniments k USING (accompaniment_id) "  # noqa: S608
LOCK = _ENROLMENTS + "WHERE e.enrolment_id = $1 FOR UPDATE OF e"

# The unique index of accompaniment, action and session asked; a plan may also mean the session that took its place.
FIND = _ENROLMENTS + (
    "WHERE e.accompaniment_id = $1 AND e.action_id = $2 AND $3 IN (e.asked_session_id, e.session_id) "
    "ORDER BY e.requested_at LIMIT 1"
)

# known_accompaniments_subject, then the unique index by accompaniment: a person has few.
ENROLLED_THROUGH = """
SELECT accompaniment_id FROM known_accompaniments k JOIN enrolments e USING (accompaniment_id)
WHERE k.subject_ref = $1 AND e.session_id = $2 AND e.status = ANY ($3::text[])
"""

# One walk of enrolments_lists each.
_ON_LIST = "WHERE e.waits_on = $1 AND e.status = 'waitlisted' ORDER BY e.place "
NEXT_IN_LINE = _ENROLMENTS + _ON_LIST + "LIMIT 1 FOR UPDATE OF e"
WAITING_ON = _ENROLMENTS + _ON_LIST + "FOR UPDATE OF e"
LENGTH = "SELECT count(*) FROM enrolments WHERE waits_on = $1 AND status = 'waitlisted'"

# enrolments_session; a place is NULL for whoever has a seat.
OPEN_IN = _ENROLMENTS + (
    "WHERE e.session_id = $1 AND e.status = ANY ($2::text[]) "
    "ORDER BY e.place NULLS FIRST, e.requested_at, e.enrolment_id FOR UPDATE OF e"
)

SEEN = """
SELECT enrolment_id, action_id, asked_session_id, session_id, status, planned
FROM enrolments WHERE accompaniment_id = ANY ($1::uuid[]) ORDER BY requested_at, enrolment_id
"""

MARK_PLANNED = "UPDATE enrolments SET planned = true WHERE enrolment_id = ANY ($1::uuid[])"


class PostgresBook(Writing):
    """The `Book` port inside one transaction, for one cause."""

    def __init__(self, tx: Tx, because: Because | None = None) -> None:
        super().__init__(tx, because or Because())

    async def add_session(self, session: Session, fact: SessionChanged) -> None:
        """Insert the session and its event."""
        row, programme = session_row(session, fact), session.programme
        await self._tx.execute(
            ADD_SESSION,
            session.session_id, session.version, session.status, session.correlation_id, session.organisation_id,
            programme.title, programme.theme, programme.commune, programme.seats, programme.hours,
            programme.starts_at, programme.place, session.opened_at,
            row.id, row.topic, row.key, row.type, row.headers, row.payload,
        )  # fmt: skip
        self._count_from(session)

    async def lock_session(self, session_id: UUID, *, referrer_id: UUID | None = None) -> Session | None:
        """Return the session under its row lock; with a referrer, only if its provider is of the same world."""
        row = await self._tx.fetchrow(LOCK_SESSION, session_id)
        if row is None:
            return None
        if referrer_id is not None and await self._tx.fetchval(WORLDS, referrer_id, row["organisation_id"]) == 1:
            return None
        session = session_of(row)
        self._count_from(session)
        return session

    async def save_session(self, session: Session, fact: SessionChanged) -> None:
        """Cancel the session and tell it; the events of its enrolments, saved next, are caused by that one."""
        row = session_row(session, fact)
        await self._tx.execute(
            CANCEL_SESSION,
            session.session_id, session.version, session.status, session.changed_at,
            row.id, row.topic, row.key, row.type, row.headers, row.payload,
        )  # fmt: skip
        self._count_from(session)
        self._because = Because(row.id)

    async def lock(self, enrolment_id: UUID) -> tuple[Enrolment, Session | None] | None:
        """Return the enrolment under its session's lock and its own."""
        session_id = await self._tx.fetchval(SESSION_OF, enrolment_id)
        if session_id is None:
            return None
        session = await self.lock_session(session_id)
        row = await self._tx.fetchrow(LOCK, enrolment_id)
        if row is None or row["session_id"] != session_id:
            # Giving up what is held and starting again is the only order in which nobody waits for us.
            raise Transient("the enrolment went to another session while we looked")
        enrolment = enrolment_of(row)
        if enrolment.status is Status.SEAT_OFFERED:
            self._offered.add(enrolment_id)
        return enrolment, session

    async def find(self, accompaniment_id: UUID, action_id: UUID, session_id: UUID) -> Enrolment | None:
        """Return the enrolment of this action and session, open or over."""
        row = await self._tx.fetchrow(FIND, accompaniment_id, action_id, session_id)
        return None if row is None else enrolment_of(row)

    async def enrolled_through(self, subject_ref: UUID, session_id: UUID) -> Collection[UUID]:
        """Return the accompaniments of the person's open enrolments in the session."""
        rows = await self._tx.fetch(ENROLLED_THROUGH, subject_ref, session_id, list(OPEN))
        return [row["accompaniment_id"] for row in rows]

    async def next_in_line(self, list_id: UUID) -> Enrolment | None:
        """Return the first of a list, locked."""
        row = await self._tx.fetchrow(NEXT_IN_LINE, list_id)
        return None if row is None else enrolment_of(row)

    async def waiting_on(self, list_id: UUID) -> Sequence[Enrolment]:
        """Return a list, locked."""
        return [enrolment_of(row) for row in await self._tx.fetch(WAITING_ON, list_id)]

    async def length(self, list_id: UUID) -> int:
        """Count a list."""
        return int(await self._tx.fetchval(LENGTH, list_id))

    async def open_in(self, session_id: UUID) -> Sequence[Enrolment]:
        """Return the open enrolments of a session, locked."""
        rows = await self._tx.fetch(OPEN_IN, session_id, list(OPEN))
        self._offered |= {row["enrolment_id"] for row in rows if row["status"] == Status.SEAT_OFFERED}
        return [enrolment_of(row) for row in rows]

    async def seen(self, accompaniment_ids: Collection[UUID]) -> Sequence[Seen]:
        """Return what is there of these accompaniments."""
        rows = await self._tx.fetch(SEEN, list(accompaniment_ids))
        return [
            Seen(
                enrolment_id=row["enrolment_id"],
                action_id=row["action_id"],
                asked_session_id=row["asked_session_id"],
                session_id=row["session_id"],
                is_open=Status(row["status"]) in OPEN,
                planned=row["planned"],
            )
            for row in rows
        ]

    async def mark_planned(self, enrolment_ids: Collection[UUID]) -> None:
        """Note that the plan names them; their version, which tells facts, stays."""
        if enrolment_ids:
            await self._tx.execute(MARK_PLANNED, list(enrolment_ids))
