"""Maillage's consumer: the chassis's processor behind its FastStream subscriber, contracts checked, dead letters ready.

`many`: a handler that projects, one statement a batch. `one`: a handler that decides, one statement an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.load.arms.effects import INSERT, INSERT_MANY
from tests.load.arms.ours import freeze, settings_of
from tests.load.arms.wire import Marks, Wire, run

from chassis.clock import SystemClock
from chassis.consumer import Processor, Subscription
from chassis.db import Database, Tx
from chassis.kafka import build_broker
from chassis.outbox import Doorbell
from chassis.records import Delivery, Source
from chassis.subscribe import subscribe
from maillage_contracts import ReferralSubmitted


async def project(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Write the effects of a batch."""
    rows = [(d.envelope.id, d.event) for d in deliveries]
    events = [event for _, event in rows if isinstance(event, ReferralSubmitted)]
    await tx.execute(
        INSERT_MANY,
        [event_id for event_id, _ in rows],
        [event.referral_id for event in events],
        [event.aggregate_version for event in events],
    )


async def decide(tx: Tx, delivery: Delivery, _: Any) -> None:
    """Write the effect of one event."""
    event = delivery.event
    assert isinstance(event, ReferralSubmitted)
    await tx.execute(INSERT, delivery.envelope.id, event.referral_id, event.aggregate_version)


class MarkedProcessor(Processor):
    """The processor, with a mark after each batch that it has committed."""

    marks: Marks

    async def process(self, sources: Sequence[Source]) -> None:
        """Handle the batch, then note it."""
        await super().process(sources)
        self.marks.note([(dict(source.headers)["ce_id"] or b"").decode() for source in sources])


async def main(wire: Wire) -> None:
    """Consume until told to stop."""
    settings = settings_of(wire.config)
    database = Database(wire.config["dsn"], size=4, application="bench-consumer")
    await database.open()
    marks = Marks(wire.config["expected"], keep_times=wire.config["keep_times"])
    topic = wire.config["topic"]
    subscription = (
        Subscription(topic, many=project, many_types=frozenset({ReferralSubmitted}))
        if wire.config["style"] == "many"
        else Subscription(topic, one={ReferralSubmitted: decide})
    )
    processor = MarkedProcessor("bench", subscription, database, SystemClock(), Doorbell())
    processor.marks = marks
    broker = build_broker(settings, "bench")
    subscribe(broker, processor, instance="0")
    freeze()
    await wire.ready()
    await broker.start()
    await marks.enough.wait()
    wire.say(**marks.result())
    await broker.stop()


if __name__ == "__main__":
    run(main)
