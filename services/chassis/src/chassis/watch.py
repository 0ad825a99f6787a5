"""What an operator is told without asking: readiness, its notes, and one line in the log when events wait for long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from chassis.consumer import Processor
from chassis.db import IDLE_IN_TRANSACTION_TIMEOUT_MS, Database, Tx
from chassis.errors import DependencyDown
from chassis.health import Health
from chassis.relay import Relay
from chassis.runtime import Runtime

log = structlog.get_logger(__name__)

RELAY_AGE_SECONDS = 10.0
"""An event that waits longer for Kafka is worth a word to an operator."""

RELAY_LOOK_SECONDS = 5.0
REMIND_SECONDS = 60.0
WATCH_SECONDS = 2.0
RETRY_SECONDS = 1.0


# A client that stops between preparing a statement and running it is "active" for PostgreSQL, which then applies
# neither its time-out for idle transactions nor the one for statements (measured: its locks were held for as long as it
# was stopped). A role may see and end its own sessions. COPY waits for its client as a matter of course.
END_SILENT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
    AND state = 'active' AND wait_event = 'ClientRead' AND xact_start IS NOT NULL
    AND query_start < clock_timestamp() - $1::float8 * interval '1 millisecond' AND query NOT ILIKE 'copy%'
"""


async def end_silent_sessions(tx: Tx) -> None:
    """End this service's sessions that hold locks for a client that says nothing: stopped, or cut off."""
    ended = await tx.fetchval(END_SILENT, float(IDLE_IN_TRANSACTION_TIMEOUT_MS))
    if ended:
        log.warning("silent_sessions_ended", count=ended)


async def watch_database(health: Health, http: Database, background: Database) -> None:
    """Keep the readiness check of the database true: red while it does not answer; and its locks free of the dead."""
    answers: list[bool] = [False]
    health.register("database", lambda: None if answers[0] else "does not answer")
    while True:
        try:
            await http.open()
            async with background.transaction() as tx:
                await end_silent_sessions(tx)
            answers[0] = True
        except DependencyDown:
            answers[0] = False
        await asyncio.sleep(WATCH_SECONDS if answers[0] else RETRY_SECONDS)


async def watch_relay(runtime: Runtime, relay: Relay) -> None:
    """Say in the log that the oldest event waits for too long, once a minute, and when none does any more."""
    said_at: float | None = None
    loop = asyncio.get_running_loop()
    while True:
        age = relay.age_seconds(runtime.clock.now())
        if age > RELAY_AGE_SECONDS:
            if said_at is None or loop.time() - said_at >= REMIND_SECONDS:
                said_at = loop.time()
                log.error("relay_behind", age_seconds=round(age))
        elif said_at is not None:
            said_at = None
            log.info("relay_caught_up")
        await asyncio.sleep(RELAY_LOOK_SECONDS)


def relay_note(runtime: Runtime, relay: Relay) -> str | None:
    """Say what keeps events from leaving, if anything does."""
    age = relay.age_seconds(runtime.clock.now())
    if relay.parked_keys:
        return f"{relay.parked_keys} keys are parked behind an event that Kafka refused"
    return f"the oldest event waits for Kafka since {age:.0f} s" if age > RELAY_AGE_SECONDS else None


def waiting_note(processors: Sequence[Processor]) -> str | None:
    """Name the subscriptions that wait for something, and what for."""
    waiting = [f"{p.consumer} waits: {p.waiting_for}" for p in processors if p.waiting_for is not None]
    return "; ".join(waiting) or None


def stopped_check(processors: Sequence[Processor]) -> str | None:
    """Name the subscriptions that stopped: the fault is ours, and somebody must look."""
    stopped = [processor.consumer for processor in processors if processor.stopped]
    return f"stopped after too many dead letters: {', '.join(stopped)}" if stopped else None
