"""Things to look at again at a given time: overdue referrals, expiries, legal terms.

A timer is a row written in the transaction of the fact that starts it. Firing says only "look again": the handler
locks the aggregate and acts only if the fact still holds, so firing twice, or late, is harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import asyncpg
import structlog

from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import DependencyDown
from chassis.outbox import Doorbell
from chassis.tracing import timer_span

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
"""Terms are days: a second late is on time, and an idle poll is one index look-up."""

DUE_ROWS = 200
FAILED_AGAIN_AFTER = timedelta(minutes=1)

OnTimer: TypeAlias = Callable[[Tx, UUID, datetime], Awaitable[None]]
"""What a timer's kind does, with the aggregate and the instant; runs in the transaction that removes the timer."""

START = """
INSERT INTO timers (kind, aggregate_id, due_at) VALUES ($1, $2, $3)
ON CONFLICT (kind, aggregate_id) DO UPDATE SET due_at = excluded.due_at
"""


# The rolled-back firing left the row in place unless somebody moved or stopped the timer meanwhile: theirs stands.
AGAIN = "UPDATE timers SET due_at = $3 WHERE kind = $1 AND aggregate_id = $2 AND due_at < $3"


async def start_timer(tx: Tx, kind: str, aggregate_id: UUID, due_at: datetime) -> None:
    """Ask to look at `aggregate_id` again at `due_at`; replaces its earlier timer of this kind."""
    await tx.execute(START, kind, aggregate_id, due_at)


# SKIP LOCKED: a timer that fires now holds its row and waits for the caller's aggregate; both would wait for ever.
STOP = """
DELETE FROM timers WHERE (kind, aggregate_id) IN (
    SELECT kind, aggregate_id FROM timers WHERE kind = ANY ($2) AND aggregate_id = $1 FOR UPDATE SKIP LOCKED
)
"""


async def stop_timers(tx: Tx, aggregate_id: UUID, *kinds: str) -> None:
    """Forget the aggregate's timers of these kinds; one that is firing looks at the aggregate after the caller."""
    await tx.execute(STOP, aggregate_id, list(kinds))


# timers_due gives the oldest; SKIP LOCKED lets two replicas share the work without waiting for each other.
TAKE_DUE = """
DELETE FROM timers WHERE (kind, aggregate_id) IN (
    SELECT kind, aggregate_id FROM timers WHERE due_at <= $1 AND kind = ANY ($2)
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING kind, aggregate_id
"""


async def fire_due(db: Database, handlers: Mapping[str, OnTimer], now: datetime) -> int:
    """Fire at most DUE_ROWS timers that are due, each in its own transaction; return how many fired.

    One whose handler fails is due again a minute later; the others go on.
    """
    for fired in range(DUE_ROWS):
        due: asyncpg.Record | None = None
        try:
            async with db.transaction() as tx:
                due = await tx.fetchrow(TAKE_DUE, now, list(handlers))
                if due is None:
                    return fired
                with timer_span(due["kind"]):
                    await handlers[due["kind"]](tx, due["aggregate_id"], now)
        except DependencyDown:
            raise
        except Exception as error:
            if due is None:
                raise
            log.error("timer_failed", kind=due["kind"], error_type=type(error).__name__)
            async with db.transaction() as tx:
                await tx.execute(AGAIN, due["kind"], due["aggregate_id"], now + FAILED_AGAIN_AFTER)
    return DUE_ROWS


async def run_timers(db: Database, handlers: Mapping[str, OnTimer], clock: Clock, doorbell: Doorbell) -> None:
    """Fire timers as they fall due, for ever; a lost database is waited for."""
    while True:
        try:
            if await fire_due(db, handlers, clock.now()):
                doorbell.ring()
        except DependencyDown:
            log.warning("timers_wait_for_database")
        except Exception as error:
            log.error("timer_failed", error_type=type(error).__name__)
        await asyncio.sleep(POLL_SECONDS)
