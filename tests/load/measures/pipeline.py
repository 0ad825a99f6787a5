"""From a commit in one service to the committed effect in the next, at a steady rate of commands.

Commands come from the bench's own process on a schedule that nothing delays: one that cannot be handled in time is
still sent, and its delay is counted. The moments are those after COMMIT returned, on both sides.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from tests.load.figures import falling_behind, percentile
from tests.load.measures.measure import BEHIND, ArmOf, Figures, Goal, Measure, Metric
from tests.load.processes import Arm
from tests.load.rig import Rig
from tests.load.sizes import Sizes

ANSWER_SECONDS = 180.0


def commands_of(sizes: Sizes, rate: int) -> tuple[int, int]:
    """Return how many commands a latency run sends at `rate`, and how many of them are its warm-up."""
    warm_up = round(rate * sizes.warm_up_seconds)
    return warm_up + round(rate * sizes.latency_seconds), warm_up


async def command_steadily(arm: Arm, count: int, rate: float, first: int = 0) -> None:
    """Send `count` commands from number `first`, each at its time, however late the others are."""
    start = time.monotonic()
    for n in range(count):
        wait = start + n / rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        await arm.send(str(first + n))


def latencies(
    committed: Mapping[str, int], seen: Mapping[str, int], count: int, warm_up: int, prefix: str = ""
) -> dict[str, float]:
    """Return the percentiles of the delays in ms, and by how much they grew, without the warm-up.

    Raises ValueError when an event is missing.
    """
    if len(committed) != count or committed.keys() - seen.keys():
        raise ValueError(f"{len(committed)} commits, {len(committed.keys() & seen.keys())} seen, {count} expected")
    in_order = sorted(committed.items(), key=lambda item: item[1])[warm_up:]
    delays = [(seen[one] - at) / 1e6 for one, at in in_order]
    by_size = sorted(delays)
    return {
        f"{prefix}p50": percentile(by_size, 0.50),
        f"{prefix}p99": percentile(by_size, 0.99),
        BEHIND: falling_behind(delays),
    }


async def _follow(rig: Rig, sizes: Sizes, service: str, consumer: str, style: str) -> Figures:
    count, warm_up = commands_of(sizes, sizes.latency_rate)
    async with rig.database() as dsn, rig.database() as effects, rig.topic() as topic:
        reading = {"dsn": effects, "topic": topic, "expected": count, "style": style, "keep_times": True}
        async with (
            rig.arm(service, dsn=dsn, topic=topic, events=count) as writer,
            rig.arm(consumer, **reading) as reader,
        ):
            await reader.send("go")
            await writer.send("go")
            await command_steadily(writer, count, sizes.latency_rate)
            seen = await reader.answer(ANSWER_SECONDS)
            await writer.send("stop")
            written = await writer.answer(ANSWER_SECONDS)
        await rig.expect_effects(effects, count)
    cpu = 1e6 * (written["cpu_seconds"] + seen["cpu_seconds"]) / count
    return {**latencies(written["times"], seen["times"], count, warm_up), "cpu": cpu}


async def _ours(rig: Rig, sizes: Sizes) -> Figures:
    return await _follow(rig, sizes, "ours_service", "ours_consumer", "one")


async def _tutorial(rig: Rig, sizes: Sizes) -> Figures:
    return await _follow(rig, sizes, "tutorial_service", "tutorial_consumer", "ack")


TUTORIAL = "tutorial: poll 100 ms, FastStream a message"

PIPELINE = Measure(
    key="pipeline",
    title=lambda sizes: f"Commit → effect in the next service, {sizes.latency_rate} commands/s",
    metrics=(
        Metric("p50", "ms, p50", 1, scheduled=True),
        Metric("p99", "ms, p99", 1, scheduled=True),
        Metric("cpu", "µs of CPU an event, both ends"),
    ),
    arms=(
        ArmOf("Maillage", _ours),
        ArmOf(TUTORIAL, _tutorial),
    ),
    goals=(
        Goal("commit → effect: p50 ≤ 15 ms", "p50", 15),
        Goal("commit → effect: p99 ≤ 50 ms", "p99", 50),
        Goal("commit → effect: p50 ≤ 1/20 of the tutorial's", "p50", 0.05, against=TUTORIAL),
        Goal("CPU per event, at that rate: ≤ 0.15× the tutorial's", "cpu", 0.15, against=TUTORIAL),
    ),
)
