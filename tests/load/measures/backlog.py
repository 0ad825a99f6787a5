"""A large backlog: drained as fast as a small one, and in memory that does not grow with it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.load.figures import slope
from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric, rate_and_cost
from tests.load.processes import Arm
from tests.load.records import fill_outbox
from tests.load.rig import Rig
from tests.load.sizes import Sizes

from chassis.subscribe import BATCH_RECORDS

ANSWER_SECONDS = 600.0
LOOK_SECONDS = 0.5
WARM_UP_SHARE = 0.2
"""Of the run: pools, buffers and caches fill."""

PER = 100_000
SMALL = 100
"""The small backlog is this part of the large one."""


async def _watched(arm: Arm, events: int) -> tuple[dict[str, Any], float]:
    """Let an arm work to its end; return its answer, and by how many MB its memory grew for 100,000 events."""
    await arm.send("go")
    answering = asyncio.create_task(arm.answer(ANSWER_SECONDS))
    started = time.monotonic()
    seen: list[tuple[float, float]] = []
    while not answering.done():
        seen.append((time.monotonic() - started, arm.memory_bytes / 1e6))
        await asyncio.wait([answering], timeout=LOOK_SECONDS)
    answer = await answering
    warm = [point for point in seen if point[0] >= WARM_UP_SHARE * seen[-1][0]]
    # By time, at an even rate: seconds a hundred thousand events took.
    return answer, slope(warm) * answer["seconds"] * PER / events


async def _relay(rig: Rig, rows: int) -> Figures:
    async with rig.database() as dsn, rig.topic() as topic:
        await fill_outbox(dsn, rows, topic)
        async with rig.arm("ours_relay", dsn=dsn, topic=topic) as arm:
            answer, growth = await _watched(arm, rows)
        await rig.expect_in_topic(topic, rows)
    return {**rate_and_cost(answer, rows), "growth": growth}


async def _large(rig: Rig, sizes: Sizes) -> Figures:
    return await _relay(rig, sizes.backlog_rows)


async def _small(rig: Rig, sizes: Sizes) -> Figures:
    # Too short to see memory grow.
    return {name: value for name, value in (await _relay(rig, sizes.backlog_rows // SMALL)).items() if name != "growth"}


async def _consumer(rig: Rig, sizes: Sizes) -> Figures:
    events = sizes.backlog_rows
    async with rig.database() as dsn, rig.filled_topic(events) as topic:
        config: dict[str, Any] = {"dsn": dsn, "topic": topic, "expected": events, "style": "many", "keep_times": False}
        async with rig.arm("ours_consumer", batch_records=BATCH_RECORDS, **config) as arm:
            answer, growth = await _watched(arm, events)
        await rig.expect_effects(dsn, events)
    return {**rate_and_cost(answer, answer["counted"]), "growth": growth}


LARGE_RELAY, SMALL_RELAY, CONSUMER = (
    "relay, the whole backlog",
    "relay, a hundredth of it",
    "consumer, the whole backlog",
)

BACKLOG = Measure(
    key="backlog",
    title=lambda sizes: f"A backlog of {sizes.backlog_rows:,} events: rate and memory",
    metrics=(
        Metric("rate", "events/s"),
        Metric("cpu", "µs of CPU an event", 1),
        Metric("growth", "MB that memory grew, per 100,000 events after the warm-up", 2),
    ),
    arms=(ArmOf(LARGE_RELAY, _large), ArmOf(SMALL_RELAY, _small), ArmOf(CONSUMER, _consumer)),
    goals=(
        Goal("a backlog of 1M ≥ 0.8× the rate of 10k", "rate", 0.8, at_least=True, against=SMALL_RELAY),
        Goal("relay: memory ≤ 1 MB per 100k events", "growth", 1.0),
        Goal("consumer: memory ≤ 1 MB per 100k events", "growth", 1.0, ours=CONSUMER),
    ),
)
