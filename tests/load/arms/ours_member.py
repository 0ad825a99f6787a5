"""One of several consumers of a group, in Maillage's shape: a static member that stops when it is told to."""

from __future__ import annotations

from tests.load.arms.ours import freeze, settings_of
from tests.load.arms.ours_consumer import project
from tests.load.arms.wire import Wire, run, until_terminated

from chassis.clock import SystemClock
from chassis.consumer import Processor, Subscription
from chassis.db import Database
from chassis.kafka import build_broker
from chassis.outbox import Doorbell
from chassis.subscribe import subscribe
from maillage_contracts import ReferralSubmitted


async def main(wire: Wire) -> None:
    """Consume until SIGTERM."""
    settings = settings_of(wire.config)
    database = Database(wire.config["dsn"], size=4, application="bench-member")
    await database.open()
    subscription = Subscription(wire.config["topic"], many=project, many_types=frozenset({ReferralSubmitted}))
    broker = build_broker(settings, "bench")
    processor = Processor("bench", subscription, database, SystemClock(), Doorbell())
    subscribe(broker, processor, instance=wire.config["instance"])
    freeze()
    await wire.ready()
    await broker.start()
    await until_terminated()
    await broker.stop()


if __name__ == "__main__":
    run(main)
