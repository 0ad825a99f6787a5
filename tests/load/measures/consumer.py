"""From records in a topic to committed effects, one row each, exactly once."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric, rate_and_cost
from tests.load.rig import Rig
from tests.load.sizes import Sizes

from chassis.subscribe import BATCH_RECORDS

ANSWER_SECONDS = 300.0


async def _consume(rig: Rig, events: int, module: str, style: str) -> Figures:
    async with rig.database() as dsn, rig.filled_topic(events) as topic:
        config: dict[str, Any] = {"dsn": dsn, "topic": topic, "expected": events, "style": style, "keep_times": False}
        config["batch_records"] = BATCH_RECORDS
        async with rig.arm(module, **config) as arm:
            await arm.send("go")
            answer = await arm.answer(ANSWER_SECONDS)
        await rig.expect_effects(dsn, events)
    return rate_and_cost(answer, answer["counted"])


async def _many(rig: Rig, sizes: Sizes, *, module: str, style: str = "") -> Figures:
    return await _consume(rig, sizes.consumer_events, module, style)


async def _few(rig: Rig, sizes: Sizes, *, module: str, style: str = "") -> Figures:
    return await _consume(rig, sizes.consumer_events_one_by_one, module, style)


CONSUMER = Measure(
    key="consumer",
    title=lambda sizes: f"Consumer: {sizes.consumer_events:,} events to one row each, exactly once",
    metrics=(Metric("rate", "events/s"), Metric("cpu", "µs of CPU an event", 1)),
    arms=(
        ArmOf("Maillage: handler of a batch", partial(_many, module="ours_consumer", style="many")),
        ArmOf("Maillage: handler of one event", partial(_many, module="ours_consumer", style="one")),
        ArmOf("tutorial: FastStream, a transaction each", partial(_few, module="tutorial_consumer", style="ack")),
        ArmOf(
            "the same, default policy (loses on a crash)",
            partial(_few, module="tutorial_consumer", style="autocommit"),
        ),
        ArmOf("aiokafka getmany, same statements", partial(_many, module="raw_consumer")),
    ),
    goals=(
        Goal(
            "consumer ≥ 30× FastStream a message",
            "rate",
            30,
            at_least=True,
            against="tutorial: FastStream, a transaction each",
        ),
    ),
)
