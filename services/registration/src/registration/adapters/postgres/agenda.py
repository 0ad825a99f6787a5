"""Appointments in PostgreSQL, to be read: one in full, and the agendas of the two organisations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from chassis.crypto import Vault
from chassis.db import Tx
from registration.adapters.postgres.appointments import APPOINTMENTS, appointment_of
from registration.adapters.sealing import open_described
from registration.app.ports import Entry, Span

READ = APPOINTMENTS + "WHERE a.appointment_id = $1"
PAST_DATES = "SELECT starts_at FROM appointment_dates WHERE appointment_id = $1 ORDER BY starts_at"

# An open appointment without a date waits for one, whatever part is looked at; a closed one without is in no part.
_PART = """
    AND ($2::uuid IS NULL OR (coalesce(a.starts_at, 'infinity'::timestamptz), a.appointment_id)
        > (coalesce($3::timestamptz, 'infinity'::timestamptz), $2))
    AND ($4::timestamptz IS NULL OR coalesce(a.starts_at, 'infinity'::timestamptz) >= $4)
    AND ($5::timestamptz IS NULL OR a.starts_at IS NULL OR a.starts_at < $5)
    AND (a.starts_at IS NOT NULL OR a.state IN ('proposed', 'postponed') OR ($4 IS NULL AND $5 IS NULL))
    AND ($6::uuid IS NULL OR a.accompaniment_id = $6)
ORDER BY coalesce(a.starts_at, 'infinity'::timestamptz), a.appointment_id LIMIT $7
"""
# Each is a walk of its index, which has the order: appointments_council, appointments_employment.
PAGES = {
    True: APPOINTMENTS + "WHERE a.council_id = $1" + _PART,
    False: APPOINTMENTS + "WHERE a.employment_id = $1" + _PART,
}


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
        after = span.after
        rows = await self._tx.fetch(
            PAGES[span.is_council],
            span.organisation_id,
            None if after is None else after.appointment_id,
            None if after is None else after.starts_at,
            span.since,
            span.until,
            span.accompaniment_id,
            limit,
        )
        return [self._entry(row) for row in rows]

    async def past_dates(self, appointment_id: UUID) -> Sequence[datetime]:
        """Return the dates that no longer hold, the earliest first."""
        return [row["starts_at"] for row in await self._tx.fetch(PAST_DATES, appointment_id)]

    def _entry(self, row: asyncpg.Record) -> Entry:
        described = None if row["identity"] is None else open_described(self._vault, row)
        return Entry(appointment_of(row, self._vault), described)
