"""From outbox rows to acknowledged records."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric, rate_and_cost
from tests.load.records import VALUE_BYTES, fill_outbox
from tests.load.rig import Rig
from tests.load.sizes import Sizes

from chassis.kafka import PRODUCER_BATCH_BYTES

ANSWER_SECONDS = 300.0


async def _drain(rig: Rig, module: str, rows: int, **config: Any) -> Figures:
    async with rig.database() as dsn, rig.topic() as topic:
        await fill_outbox(dsn, rows, topic)
        async with rig.arm(module, dsn=dsn, topic=topic, **config) as arm:
            await arm.send("go")
            answer = await arm.answer(ANSWER_SECONDS)
        await rig.expect_in_topic(topic, rows)
    return rate_and_cost(answer, rows)


async def _ours(rig: Rig, sizes: Sizes) -> Figures:
    return await _drain(rig, "ours_relay", sizes.relay_rows)


async def _tutorial(rig: Rig, sizes: Sizes) -> Figures:
    return await _drain(rig, "tutorial_relay", sizes.relay_rows_one_by_one)


async def _raw(rig: Rig, sizes: Sizes, *, style: str) -> Figures:
    return await _drain(rig, "raw_producer", sizes.relay_rows, style=style, batch_bytes=PRODUCER_BATCH_BYTES)


RELAY = Measure(
    key="relay",
    title=lambda sizes: f"Relay: {sizes.relay_rows:,} outbox rows of {VALUE_BYTES} B to acknowledged records",
    metrics=(Metric("rate", "rows/s"), Metric("cpu", "µs of CPU a row", 1)),
    arms=(
        ArmOf("Maillage: relay", _ours),
        ArmOf("tutorial: await each row, then delete it", _tutorial),
        ArmOf("aiokafka alone, send()", partial(_raw, style="send")),
        ArmOf("aiokafka alone, own batches", partial(_raw, style="batches")),
    ),
    goals=(
        Goal(
            "relay ≥ 10× the tutorial's", "rate", 10, at_least=True, against="tutorial: await each row, then delete it"
        ),
        Goal("relay ≥ 0.7× the raw producer", "rate", 0.7, at_least=True, against="aiokafka alone, send()"),
    ),
)
