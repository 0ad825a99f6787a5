"""One aggregate floods: how much longer the others' events take from commit to effect."""

from __future__ import annotations

import asyncio

from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric
from tests.load.measures.pipeline import ANSWER_SECONDS, command_steadily, commands_of, latencies
from tests.load.processes import Arm
from tests.load.rig import Rig
from tests.load.sizes import Sizes

AGGREGATES = 100
"""Each of the others has this part of the rate; the one that floods has `Sizes.flood` times as much."""


async def _send_flood(arm: Arm, first: int, count: int, rate: float) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    for n in range(count):
        await asyncio.sleep(max(0.0, start + n / rate - loop.time()))
        await arm.send(str(first + n))


async def _measure(rig: Rig, sizes: Sizes, *, flooded: bool) -> Figures:
    count, warm_up = commands_of(sizes)
    flood = count * sizes.flood // AGGREGATES if flooded else 0
    async with rig.database() as dsn, rig.database() as effects, rig.topic() as topic:
        reading = {"dsn": effects, "topic": topic, "expected": count + flood, "style": "one", "keep_times": True}
        async with (
            rig.arm("ours_service", dsn=dsn, topic=topic, events=count, flood=flood) as writer,
            rig.arm("ours_consumer", **reading) as reader,
        ):
            await reader.send("go")
            await writer.send("go")
            await asyncio.gather(
                command_steadily(writer, count, sizes.latency_rate),
                _send_flood(writer, count, flood, sizes.latency_rate * sizes.flood / AGGREGATES),
            )
            seen = await reader.answer(ANSWER_SECONDS)
            await writer.send("stop")
            written = await writer.answer(ANSWER_SECONDS)
        await rig.expect_effects(effects, count + flood)
    return latencies(written["times"], seen["times"], count, warm_up)


async def _flooded(rig: Rig, sizes: Sizes) -> Figures:
    return await _measure(rig, sizes, flooded=True)


async def _quiet(rig: Rig, sizes: Sizes) -> Figures:
    return await _measure(rig, sizes, flooded=False)


QUIET = "quiet"

FLOOD = Measure(
    key="flood",
    title=lambda sizes: f"Commit → effect of the others while one aggregate changes {sizes.flood} times more often",
    metrics=(Metric("p50", "ms, p50", 1, scheduled=True), Metric("p99", "ms, p99", 1, scheduled=True)),
    arms=(ArmOf("one aggregate floods", _flooded), ArmOf(QUIET, _quiet)),
    goals=(Goal("one aggregate floods 100×: the others' p99 ≤ 1.2×", "p99", 1.2, against=QUIET),),
)
