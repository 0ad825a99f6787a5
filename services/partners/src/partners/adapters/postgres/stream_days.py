"""The days of streams in PostgreSQL; the digest of a complete day is computed once."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from chassis.db import Database
from partners.app.read_days import StreamDay

# stream_days_pkey, for the days and for the one after each. One statement: the last position is of the same moment.
BETWEEN = """
SELECT d.day, d.first_position, d.sha256, s.last_position AS reached, d.first_position > s.purged_position AS kept, (
    SELECT n.first_position - 1 FROM stream_days n
    WHERE n.organisation_id = d.organisation_id AND n.day > d.day ORDER BY n.day LIMIT 1
) AS ended
FROM stream_days d JOIN partner_stream s USING (organisation_id)
WHERE d.organisation_id = $1 AND d.day BETWEEN $2 AND $3 ORDER BY d.day
"""
# stream_days_pkey: the next day on which something came. In one statement with the end: nothing falls between them.
START = """
SELECT greatest(purged_position, coalesce(
    (SELECT first_position - 1 FROM stream_days WHERE organisation_id = $1 AND day >= $2 ORDER BY day LIMIT 1),
    last_position))
FROM partner_stream WHERE organisation_id = $1
"""
# A range of stream_events_pkey, in its order.
DIGEST = """
SELECT sha256(string_agg(uuid_send(event_id), ''::bytea ORDER BY position)), count(*) AS events FROM stream_events
WHERE organisation_id = $1 AND position BETWEEN $2 AND $3
"""
KEEP = "UPDATE stream_days SET sha256 = $3 WHERE organisation_id = $1 AND day = $2 AND sha256 IS NULL"
KEPT = "SELECT sha256 FROM stream_days WHERE organisation_id = $1 AND day = $2"


class PostgresStreamDays:
    """Implements StreamDays."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def between(self, organisation_id: UUID, first: date, last: date) -> list[StreamDay]:
        async with self._db.connection() as connection:
            rows = await connection.fetch(BETWEEN, organisation_id, first, last)
        return [
            StreamDay(
                day=row["day"],
                first_position=row["first_position"],
                last_position=row["reached"] if row["ended"] is None else row["ended"],
                # The last day of a stream that is silent for two years ends by being purged.
                complete=row["ended"] is not None or row["sha256"] is not None,
                sha256=row["sha256"],
                kept=row["kept"],
            )
            for row in rows
        ]

    async def start_of(self, organisation_id: UUID, day: date) -> int:
        async with self._db.connection() as connection:
            found: int | None = await connection.fetchval(START, organisation_id, day)
        return found or 0

    async def digest(self, organisation_id: UUID, day: StreamDay) -> bytes:
        async with self._db.connection() as connection:
            found = await connection.fetchrow(DIGEST, organisation_id, day.first_position, day.last_position)
            assert found is not None  # an aggregate always has a row
            if found["events"] < day.last_position - day.first_position + 1:
                # A purge was faster, and has kept it.
                return bytes(await connection.fetchval(KEPT, organisation_id, day.day))
            if day.complete:
                await connection.execute(KEEP, organisation_id, day.day, found["sha256"])
        return bytes(found["sha256"])
