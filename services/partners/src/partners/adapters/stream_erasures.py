"""Erase from streams what an earlier version left there of persons who were erased.

An erasure is complete when it is projected; this is for those that were projected before streams had tombstones. Steps
are short transactions of their own, in which projections wait.
"""

from __future__ import annotations

from typing import Final

import asyncpg
import structlog

from chassis.db import Database
from partners.adapters.postgres.stream_erasures import erase_rows, lock_told, persons_left
from partners.adapters.postgres.streams import PostgresStreams

log = structlog.get_logger(__name__)

PERSONS_MAX: Final = 100
"""Of some tens of rows each: a tenth of a second."""


async def erase_left_rows(db: Database, persons_max: int = PERSONS_MAX) -> int:
    """Rewrite what is left, step by step, and return how many events that were; less when somebody was in the way."""
    rows = persons = 0
    try:
        while True:
            async with db.connection() as connection:
                # Nearly always none: then nobody is kept out of the gate.
                if not await persons_left(connection, 1):
                    break
            async with db.transaction() as tx:
                await PostgresStreams(tx).enter_gate(alone=True)
                some = await persons_left(tx, persons_max)
                await lock_told(tx, some)
                rows += await erase_rows(tx, some)
            persons += len(some)
    except asyncpg.LockNotAvailableError:
        log.info("stream_erasures_go_on_later")
    if persons:
        log.info("stream_rows_erased", persons=persons, rows=rows)
    return rows
