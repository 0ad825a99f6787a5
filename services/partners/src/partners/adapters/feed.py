"""The feed on PostgreSQL: reads that hold a connection for one statement, waits that hold none.

Whoever waits is woken by one question a process asks for all of them: at once when this process has committed
something, else a few times a second, so that what another replica committed is seen too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from chassis.db import Database
from chassis.outbox import Doorbell
from partners.app.ports import FeedRow, FeedWindow

POLL_SECONDS = 0.1
"""What a commit of another replica may wait to be seen; one indexed look-up while anybody waits, none otherwise."""

WINDOW_ROWS = 5_000
"""How many rows one read with types looks at: a rare type must not make it read two years at once."""

# partner_stream_pkey, then a range of stream_events_pkey; one row without a position where nothing follows. All is seen
# at one moment: the last position never exceeds the rows, and a purge moves its position before it deletes anything.
READ = """
SELECT s.last_position, s.purged_position, e.position, e.headers, e.payload FROM partner_stream s LEFT JOIN LATERAL (
    SELECT position, headers, payload FROM stream_events
    WHERE organisation_id = $1 AND position > $2 ORDER BY position LIMIT $3
) e ON true WHERE s.organisation_id = $1
"""
READ_TYPES = """
SELECT s.last_position, s.purged_position, e.position, e.headers, e.payload FROM partner_stream s LEFT JOIN LATERAL (
    SELECT position, headers, payload FROM stream_events
    WHERE organisation_id = $1 AND position > $2 AND position <= $2 + $4::bigint AND ce_type = ANY ($5)
    ORDER BY position LIMIT $3
) e ON true WHERE s.organisation_id = $1
"""
ARRIVED = """
SELECT s.organisation_id, s.last_position FROM partner_stream s WHERE s.organisation_id = ANY ($1)
"""


class FeedDoorbell(Doorbell):
    """The process's doorbell, which also wakes whoever waits for the feed."""

    def __init__(self) -> None:
        super().__init__()
        self.committed = asyncio.Event()

    def ring(self) -> None:
        super().ring()
        self.committed.set()


class _Waiter:
    __slots__ = ("after", "arrived")

    def __init__(self, after: int) -> None:
        self.after = after
        self.arrived = asyncio.Event()


class PostgresFeed:
    """Implements Feed; `run` is the process's one question, in the background."""

    def __init__(self, db: Database, background_db: Database, doorbell: FeedDoorbell) -> None:
        self._db = db
        self._background_db = background_db
        self._doorbell = doorbell
        self._waiting: dict[UUID, set[_Waiter]] = {}
        self._somebody = asyncio.Event()

    async def read(
        self, organisation_id: UUID, after: int, limit: int, types: Sequence[str] | None = None
    ) -> FeedWindow:
        async with self._db.connection() as connection:
            if types is None:
                read = await connection.fetch(READ, organisation_id, after, limit)
            else:
                read = await connection.fetch(READ_TYPES, organisation_id, after, limit, WINDOW_ROWS, list(types))
        last, purged = (read[0]["last_position"], read[0]["purged_position"]) if read else (0, 0)
        if after < purged:
            return FeedWindow(last, after, (), purged)
        rows = [FeedRow(row["position"], row["headers"], row["payload"]) for row in read if row["position"] is not None]
        # As they come, in practice: sorted there, their bytes would be copied for nothing.
        rows.sort(key=attrgetter("position"))
        if rows and (types is None or len(rows) == limit):
            reached = rows[-1].position
        else:
            reached = max(after, last if types is None else min(last, after + WINDOW_ROWS))
        return FeedWindow(last, reached, rows, purged)

    async def arrival(self, organisation_id: UUID, after: int, seconds: float) -> None:
        waiter = _Waiter(after)
        self._waiting.setdefault(organisation_id, set()).add(waiter)
        self._somebody.set()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await waiter.arrived.wait()
        finally:
            waiters = self._waiting[organisation_id]
            waiters.discard(waiter)
            if not waiters:
                del self._waiting[organisation_id]

    async def run(self) -> None:
        """Wake waiters when their stream has moved, for as long as the process runs."""
        while True:
            if not self._waiting:
                self._somebody.clear()
                await self._somebody.wait()
            self._doorbell.committed.clear()
            await self._wake_arrived()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._doorbell.committed.wait()

    async def _wake_arrived(self) -> None:
        async with self._background_db.connection() as connection:
            rows = await connection.fetch(ARRIVED, list(self._waiting))
        for row in rows:
            for waiter in self._waiting.get(row["organisation_id"], ()):
                if row["last_position"] > waiter.after:
                    waiter.arrived.set()
