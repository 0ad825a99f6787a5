"""One aggregate floods: how much longer the others' events take from commit to effect."""

from __future__ import annotations

import asyncio
from functools import partial

from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric
from tests.load.measures.pipeline import ANSWER_SECONDS, command_steadily, commands_of, latencies
from tests.load.rig import Rig
from tests.load.sizes import Sizes

AGGREGATES = 100
"""Or partners: each of the others has this part of the rate, the one that floods `Sizes.flood` times that."""


def flood_of(others: int, sizes: Sizes) -> int:
    """Return how many events the flood has while all the others have `others`, or by the second likewise."""
    return others * sizes.flood // AGGREGATES


async def _measure(rig: Rig, sizes: Sizes, *, flooded: bool, spread: bool = False) -> Figures:
    count, warm_up = commands_of(sizes, sizes.flood_rate)
    flood = flood_of(count, sizes) if flooded else 0
    async with rig.database() as dsn, rig.database() as effects, rig.topic() as topic:
        reading = {"dsn": effects, "topic": topic, "expected": count + flood, "style": "one", "keep_times": True}
        async with (
            rig.arm("ours_service", dsn=dsn, topic=topic, events=count, flood=flood, flood_spread=spread) as writer,
            rig.arm("ours_consumer", **reading) as reader,
        ):
            await reader.send("go")
            await writer.send("go")
            await asyncio.gather(
                command_steadily(writer, count, sizes.flood_rate),
                command_steadily(writer, flood, flood_of(sizes.flood_rate, sizes), first=count),
            )
            seen = await reader.answer(ANSWER_SECONDS)
            await writer.send("stop")
            written = await writer.answer(ANSWER_SECONDS)
        await rig.expect_effects(effects, count + flood)
    return latencies(written["times"], seen["times"], count, warm_up)


QUIET = "quiet"

FLOOD = Measure(
    key="flood",
    title=lambda sizes: f"Commit → effect of the others while one aggregate changes {sizes.flood} times more often",
    metrics=(Metric("p50", "ms, p50", 1, scheduled=True), Metric("p99", "ms, p99", 1, scheduled=True)),
    arms=(
        ArmOf("one aggregate floods", partial(_measure, flooded=True)),
        ArmOf(QUIET, partial(_measure, flooded=False)),
        ArmOf("as many events more, an aggregate each", partial(_measure, flooded=True, spread=True)),
    ),
    goals=(Goal("one aggregate floods 100×: the others' p99 ≤ 1.2×", "p99", 1.2, against=QUIET),),
)
