"""From a commit to the partner by files: JSON Lines of a period, asked for again and again, and nothing else meanwhile.

A file is whole each time, so that it takes longer as the period fills: the other readings are no company for it.
"""

from __future__ import annotations

from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric
from tests.load.measures.partner import needs_partner_listener
from tests.load.measures.readings import measure_readings
from tests.load.rig import Rig
from tests.load.sizes import Sizes


async def _measure(rig: Rig, sizes: Sizes) -> Figures:
    return await measure_readings(rig, sizes, "files_reader", ("files",))


FILES = Measure(
    key="files",
    title=lambda sizes: f"Commit → partner by a file asked for without pause, {sizes.latency_rate} commands/s",
    metrics=tuple(Metric(f"files_{rank}", f"ms, {rank}, file", 1, scheduled=True) for rank in ("p50", "p99")),
    arms=(ArmOf("Maillage", _measure),),
    needs=needs_partner_listener,
    goals=(Goal("commit → partner by a file asked for without pause: p99 ≤ 1 s", "files_p99", 1000),),
)
