"""One partner is told a hundred times as much as any other: how much longer the others wait for their events."""

from __future__ import annotations

from functools import partial

from tests.load.measures.flood import flood_of
from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric
from tests.load.measures.partner import measure_partner, needs_partner_listener
from tests.load.rig import Rig
from tests.load.sizes import Sizes


async def _measure(rig: Rig, sizes: Sizes, *, flooded: bool) -> Figures:
    flood_rate = flood_of(sizes.flood_rate, sizes) if flooded else 0
    return await measure_partner(rig, sizes, rate=sizes.flood_rate, flood_rate=flood_rate)


QUIET = "quiet"

PARTNER_FLOOD = Measure(
    key="partner_flood",
    title=lambda sizes: f"Commit → partner while another partner is told {sizes.flood} times as much as any other",
    metrics=(
        Metric("topic_p50", "ms, p50, its Kafka topic", 1, scheduled=True),
        Metric("topic_p99", "ms, p99, its Kafka topic", 1, scheduled=True),
        Metric("feed_p50", "ms, p50, its feed", 1, scheduled=True),
        Metric("feed_p99", "ms, p99, its feed", 1, scheduled=True),
    ),
    arms=(
        ArmOf("another partner floods", partial(_measure, flooded=True)),
        ArmOf(QUIET, partial(_measure, flooded=False)),
    ),
    needs=needs_partner_listener,
    goals=(
        Goal("one partner floods 100×: the others' topics: p99 ≤ 1.2×", "topic_p99", 1.2, against=QUIET),
        Goal("one partner floods 100×: the others' feeds: p99 ≤ 1.2×", "feed_p99", 1.2, against=QUIET),
    ),
)
