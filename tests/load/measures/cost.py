"""What an event costs in processor time from the outbox to its effect, while there is always more to do.

At a steady rate that is far from what the machine can do, each event is a batch of its own (see pipeline.py): there a
process spends its time on waking up. Here both ends work at their own speed, as after an outage or in a rush.
"""

from __future__ import annotations

import asyncio

from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric
from tests.load.records import fill_outbox
from tests.load.rig import Rig
from tests.load.sizes import Sizes

from chassis.subscribe import BATCH_RECORDS

ANSWER_SECONDS = 300.0


async def _through(rig: Rig, events: int, relay: str, consumer: str, style: str) -> Figures:
    async with rig.database() as dsn, rig.database() as effects, rig.topic() as topic:
        await fill_outbox(dsn, events, topic)
        reading = {"dsn": effects, "topic": topic, "expected": events, "style": style, "keep_times": False}
        async with (
            rig.arm(consumer, batch_records=BATCH_RECORDS, **reading) as reader,
            rig.arm(relay, dsn=dsn, topic=topic) as writer,
        ):
            await reader.send("go")
            await writer.send("go")
            written, seen = await asyncio.gather(writer.answer(ANSWER_SECONDS), reader.answer(ANSWER_SECONDS))
        await rig.expect_effects(effects, events)
    if not seen["counted"]:
        return {}
    return {"cpu": 1e6 * (written["cpu_seconds"] / events + seen["cpu_seconds"] / seen["counted"])}


async def _ours(rig: Rig, sizes: Sizes) -> Figures:
    return await _through(rig, sizes.consumer_events, "ours_relay", "ours_consumer", "many")


async def _tutorial(rig: Rig, sizes: Sizes) -> Figures:
    return await _through(rig, sizes.consumer_events_one_by_one, "tutorial_relay", "tutorial_consumer", "ack")


TUTORIAL = "tutorial: await each row, a transaction a message"

COST = Measure(
    key="cost",
    title=lambda _: "From outbox to effect while there is always more to do",
    metrics=(Metric("cpu", "µs of CPU an event, both ends", 1),),
    arms=(ArmOf("Maillage", _ours), ArmOf(TUTORIAL, _tutorial)),
    goals=(Goal("CPU per event, under load: ≤ 0.15× the tutorial's", "cpu", 0.15, against=TUTORIAL),),
)
