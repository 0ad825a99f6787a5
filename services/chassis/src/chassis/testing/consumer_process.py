"""A process that only consumes: `python -m chassis.testing.consumer_process TOPIC`, for tests that kill or stop it.

Reads the same environment as a service; writes one row of table `effects` per event. MAILLAGE_TEST_SESSION_MS shortens
the group's session, so that a test may outlast it; MAILLAGE_TEST_COMMIT_SECONDS is the time between two commits of
offsets; MAILLAGE_TEST_MUTANT breaks something (mutants.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any
from unittest.mock import patch

import chassis.offsets
import chassis.subscribe
from chassis import faults
from chassis.consumer import Processor, Subscription
from chassis.db import Database, Tx
from chassis.health import Health
from chassis.kafka import build_broker
from chassis.outbox import Doorbell
from chassis.records import Delivery
from chassis.settings import ServiceSettings, load
from chassis.subscribe import subscribe
from chassis.testing.mutants import become_mutant
from chassis.testing.shifted_time import clock_of
from chassis.watch import watch_database
from maillage_contracts import ReferralReceived, ReferralSubmitted

EFFECTS = """
CREATE TABLE IF NOT EXISTS effects (
    n bigserial, event_id uuid, subject uuid, version int, at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


async def effect(tx: Tx, delivery: Delivery, _: Any) -> None:
    """Write one row for the event."""
    event = delivery.event
    assert isinstance(event, (ReferralSubmitted, ReferralReceived))
    await tx.execute(
        "INSERT INTO effects (event_id, subject, version) VALUES ($1, $2, $3)",
        delivery.envelope.id, event.referral_id, event.aggregate_version,
    )  # fmt: skip


async def run(settings: ServiceSettings, topic: str) -> None:
    """Consume `topic` until SIGTERM."""
    database = Database(settings.database_dsn.get_secret_value(), size=3, application="consumer")
    subscription = Subscription(topic, one={ReferralSubmitted: effect, ReferralReceived: effect})
    processor = Processor("testing", subscription, database, clock_of(settings.clock_file), Doorbell())
    broker = build_broker(settings, "testing")
    subscribe(broker, processor, instance=settings.instance)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    # As in a service: it frees the locks of members that were stopped in the middle of a statement.
    watching = asyncio.create_task(watch_database(Health("testing"), database, database))
    await broker.start()
    await stop.wait()
    await broker.stop()
    watching.cancel()
    await database.close()


if __name__ == "__main__":
    loaded = load(ServiceSettings)
    faults.arm(loaded.fault_points)
    become_mutant()
    if session_ms := os.environ.get("MAILLAGE_TEST_SESSION_MS", ""):
        patch.object(chassis.subscribe, "SESSION_TIMEOUT_MS", int(session_ms)).start()
    if commit_seconds := os.environ.get("MAILLAGE_TEST_COMMIT_SECONDS", ""):
        patch.object(chassis.offsets, "COMMIT_SECONDS", float(commit_seconds)).start()
    asyncio.run(run(loaded, sys.argv[1]))
