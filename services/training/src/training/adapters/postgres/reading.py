"""Sessions and enrolments in PostgreSQL, to be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from chassis.db import Tx
from training.adapters.postgres.rows import ENROLMENT_COLUMNS, enrolment_of, session_of
from training.app.ports import Dossier, Position, Step
from training.domain.session import Session

SESSION = "SELECT * FROM sessions WHERE session_id = $1"
SESSIONS = "SELECT * FROM sessions WHERE session_id = ANY ($1::uuid[])"

BEGINNING = Position(datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))
"""Before everything in a list, the earliest first."""

# One walk of sessions_upcoming; themes and communes are picked out on the way, since what is to come is little.
UPCOMING = """
SELECT * FROM sessions
WHERE status = 'open' AND starts_at > $1 AND (starts_at, session_id) > ($2, $3)
    AND ($4::text IS NULL OR theme = $4) AND ($5::text IS NULL OR commune = $5)
    -- directory_organisations_pkey
    AND $7 = EXISTS (
        SELECT FROM directory_organisations d WHERE d.organisation_id = sessions.organisation_id AND d.sandbox
    )
ORDER BY starts_at, session_id LIMIT $6
"""

# enrolments_lists counts those before somebody, without a look at their rows.
_ENROLMENTS = f"""
SELECT {ENROLMENT_COLUMNS}, CASE WHEN e.status = 'waitlisted' THEN (
    SELECT 1 + count(*) FROM enrolments o
    WHERE o.waits_on = e.waits_on AND o.status = 'waitlisted' AND o.place < e.place
) END AS rank
FROM enrolments e JOIN known_accompaniments k USING (accompaniment_id) LEFT JOIN sessions s USING (session_id)
"""  # noqa: S608
READ = _ENROLMENTS + "WHERE e.enrolment_id = $1"

# Where those live whom a council accompanies: enrolments_session; the primary key.
COMMUNES_OF_SESSION = """
SELECT DISTINCT k.commune FROM enrolments e JOIN known_accompaniments k USING (accompaniment_id)
WHERE e.session_id = $1 AND k.council_id = $2
"""
COMMUNE_OF_ACCOMPANIMENT = "SELECT commune FROM known_accompaniments WHERE accompaniment_id = $1 AND council_id = $2"

_CONCERNED = (
    "AND ((k.council_id = $2 AND k.commune = ANY ($6::text[])) OR k.employment_id = $2 OR s.organisation_id = $2) "
    "AND (e.requested_at, e.enrolment_id) > ($3, $4) "
)
_PAGE = "ORDER BY e.requested_at, e.enrolment_id LIMIT $5"
# enrolments_session; the unique index by accompaniment.
OF_SESSION = _ENROLMENTS + "WHERE e.session_id = $1 " + _CONCERNED + _PAGE
OF_ACCOMPANIMENT = (
    _ENROLMENTS + "WHERE e.accompaniment_id = $1 " + _CONCERNED + "AND ($7::uuid IS NULL OR e.session_id = $7) " + _PAGE
)

HISTORY = """
SELECT at, status, by, session_id, rank, reason FROM enrolment_history WHERE enrolment_id = $1 ORDER BY version
"""


class PostgresDossiers:
    """The `Dossiers` port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def session(self, session_id: UUID) -> Session | None:
        """Return one session, whatever its status."""
        row = await self._tx.fetchrow(SESSION, session_id)
        return None if row is None else session_of(row)

    async def upcoming(
        self,
        now: datetime,
        *,
        theme: str | None,
        commune: str | None,
        sandbox: bool,
        after: Position | None,
        limit: int,
    ) -> Sequence[Session]:
        """Return part of the list of what can be asked for."""
        position = after or BEGINNING
        rows = await self._tx.fetch(UPCOMING, now, position.at, position.id, theme, commune, limit, sandbox)
        return [session_of(row) for row in rows]

    async def enrolment(self, enrolment_id: UUID) -> Dossier | None:
        """Return an enrolment with its history and its place on its list."""
        row = await self._tx.fetchrow(READ, enrolment_id)
        if row is None:
            return None
        history = tuple(Step(**dict(step)) for step in await self._tx.fetch(HISTORY, enrolment_id))
        (dossier,) = await self._dossiers([row])
        return Dossier(dossier.enrolment, dossier.session, dossier.rank, history)

    async def communes(
        self, council_id: UUID, *, session_id: UUID | None, accompaniment_id: UUID | None
    ) -> frozenset[str]:
        """Return where those live whom a council accompanies, of a session or an accompaniment."""
        if accompaniment_id is None:
            rows = await self._tx.fetch(COMMUNES_OF_SESSION, session_id, council_id)
        else:
            rows = await self._tx.fetch(COMMUNE_OF_ACCOMPANIMENT, accompaniment_id, council_id)
        return frozenset(row["commune"] for row in rows)

    async def enrolments(
        self,
        organisation_id: UUID,
        *,
        session_id: UUID | None,
        accompaniment_id: UUID | None,
        covered: Collection[str],
        after: Position | None,
        limit: int,
    ) -> Sequence[Dossier]:
        """Return part of the list of a session, or of an accompaniment."""
        position = after or BEGINNING
        if accompaniment_id is None:
            rows = await self._tx.fetch(
                OF_SESSION, session_id, organisation_id, position.at, position.id, limit, list(covered)
            )
        else:
            rows = await self._tx.fetch(
                OF_ACCOMPANIMENT, accompaniment_id, organisation_id, position.at, position.id, limit, list(covered),
                session_id,
            )  # fmt: skip
        return await self._dossiers(rows)

    async def _dossiers(self, rows: Sequence[asyncpg.Record]) -> list[Dossier]:
        found = await self._tx.fetch(SESSIONS, list({row["session_id"] for row in rows}))
        sessions = {row["session_id"]: session_of(row) for row in found}
        return [Dossier(enrolment_of(row), sessions.get(row["session_id"]), row["rank"]) for row in rows]
