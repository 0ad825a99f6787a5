"""Forget what streams have kept for two years: every replica looks now and then, one at a time purges.

The same look erases what an earlier version left of persons who were erased.

Steps are short transactions of their own, so that projections and readers wait for none of them for long; whoever is in
the way of one is let pass, and the purge goes on with the next look.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from chassis.db import Database
from chassis.runtime import Runtime
from partners.adapters.postgres.stream_purge import PurgeStep, purge_step
from partners.adapters.stream_erasures import erase_left_rows
from partners.domain.retention import oldest_kept_day

log = structlog.get_logger(__name__)

PURGE_SECONDS: Final = 600.0
"""A day ends once a day: this is how late its purge may begin."""
PURGE_ROWS: Final = 5_000
"""Rows a statement: some tens of milliseconds, little WAL at once."""


class StreamPurge:
    """Runs for as long as the process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def run(self) -> None:
        """Purge, then wait; what fails is tried again."""
        while True:
            await erase_left_rows(self._runtime.background_db)
            await purge_streams(self._runtime.background_db, self._runtime.clock.now())
            await asyncio.sleep(PURGE_SECONDS)


async def purge_streams(db: Database, now: datetime, rows_max: int = PURGE_ROWS) -> int:
    """Purge whatever is due, step by step, and return how many events went; less when somebody was in the way."""
    oldest, rows, days = oldest_kept_day(now), 0, 0
    try:
        while True:
            async with db.transaction() as tx:
                step = await purge_step(tx, oldest, rows_max)
            if step is None:
                break
            rows, days = rows + step.rows, days + step.days
            _tell(step)
    except asyncpg.LockNotAvailableError:
        log.info("stream_purge_goes_on_later")
    if rows or days:
        log.info("streams_purged", rows=rows, days=days)
    return rows


def _tell(step: PurgeStep) -> None:
    for webhook_id, missed in step.missed:
        log.warning("webhook_missed_purged_events", webhook_id=str(webhook_id), events=missed)
