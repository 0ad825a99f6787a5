"""Appointments in PostgreSQL, to be read: one in full, and the agendas of the two organisations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from chassis.crypto import Vault
from chassis.db import Tx
from registration.adapters.postgres.appointments import APPOINTMENTS, appointment_of
from registration.adapters.sealing import erased_link, open_described
from registration.app.ports import Entry, Position, Span

READ = APPOINTMENTS + "WHERE a.appointment_id = $1"
PAST_DATES = "SELECT starts_at FROM appointment_dates WHERE appointment_id = $1 ORDER BY starts_at"

# The primary key.
ERASED_AT = "SELECT erased_at FROM erased_links WHERE digest = $1"

_ORDER = "coalesce(a.starts_at, 'infinity'::timestamptz), a.appointment_id"
# An open appointment without a date waits for one, whatever part is looked at; a closed one without is in no part.
_PART = (
    " AND (" + _ORDER + ") > (coalesce($2::timestamptz, 'infinity'::timestamptz), $3::uuid) "
    "AND ($4::timestamptz IS NULL OR a.starts_at IS NULL OR a.starts_at < $4) "
    "AND (a.starts_at IS NOT NULL OR a.state IN ('proposed', 'postponed') OR NOT $5::boolean) "
    "ORDER BY " + _ORDER + " LIMIT $6"
)
# The first two start in the index that has their order, at the first row of the page: appointments_council,
# appointments_employment. The others find the few of one accompaniment: appointments_accompaniment.
PAGES = {
    (True, False): APPOINTMENTS + "WHERE a.council_id = $1" + _PART,
    (False, False): APPOINTMENTS + "WHERE a.employment_id = $1" + _PART,
    (True, True): APPOINTMENTS + "WHERE a.council_id = $1 AND a.accompaniment_id = $7" + _PART,
    (False, True): APPOINTMENTS + "WHERE a.employment_id = $1 AND a.accompaniment_id = $7" + _PART,
}
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every appointment."""
FIRST = UUID(int=0)


class PostgresAgenda:
    """The `Agenda` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def find(self, appointment_id: UUID) -> Entry | None:
        """Return an appointment and whose it is."""
        row = await self._tx.fetchrow(READ, appointment_id)
        return None if row is None else self._entry(row)

    async def page(self, span: Span, limit: int) -> Sequence[Entry]:
        """Return part of an agenda, by date, those without one last."""
        after = span.after or Position(span.since or BEGINNING, FIRST)
        bounded = span.since is not None or span.until is not None
        values: list[object] = [
            span.organisation_id, after.starts_at, after.appointment_id, span.until, bounded, limit
        ]  # fmt: skip
        if span.accompaniment_id is not None:
            values.append(span.accompaniment_id)
        rows = await self._tx.fetch(PAGES[span.is_council, span.accompaniment_id is not None], *values)
        return [self._entry(row) for row in rows]

    async def past_dates(self, appointment_id: UUID) -> Sequence[datetime]:
        """Return the dates that no longer hold, the earliest first."""
        return [row["starts_at"] for row in await self._tx.fetch(PAST_DATES, appointment_id)]

    async def erased_at(self, appointment_id: UUID) -> datetime | None:
        """Return since when an appointment is no more because its person was erased."""
        found: datetime | None = await self._tx.fetchval(ERASED_AT, erased_link(self._vault, appointment_id))
        return found

    def _entry(self, row: asyncpg.Record) -> Entry:
        described = None if row["identity"] is None else open_described(self._vault, row)
        return Entry(appointment_of(row, self._vault), described)
