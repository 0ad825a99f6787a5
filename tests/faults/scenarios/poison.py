"""What nobody can read, in twelve kinds, among good records: each ends with a reason, and costs the others little."""

from __future__ import annotations

import math

from tests.faults.engine import Scenario
from tests.faults.inputs import POISON, Inputs, inputs
from tests.faults.scenarios.bad import BOUND_SECONDS

EVENTS, RATE = 10_000, 1_000.0
ONE_IN = 1_000
SLOWER_MAX = 2.0
"""How much longer the good may take among the bad, at the 99th percentile."""


async def among_good_ones(s: Inputs) -> None:
    """Send good records, then as many with bad ones among them; judge what these cost where it can be measured."""
    count = s.rounds(EVENTS)
    await s.consumer()
    await s.send(200, RATE)
    assert await s.good_done(40), "the consumer does not work"
    quiet = await s.send(count, RATE)
    mixed = await s.send(count, RATE, max(len(POISON), count // ONE_IN))
    s.heal()
    assert await s.good_done(60), "good records have no effect"
    before, among = [_percentile(await s.late(of), 0.99) for of in (quiet, mixed)]
    s.figures = {"p99 of good ones alone, ms": before * 1000, "p99 among bad ones, ms": among * 1000}
    if s.effort >= 1 and among > SLOWER_MAX * before:
        s.strange.append(f"good records take {among / before:.1f} times as long among bad ones")


async def faststream_defaults(s: Inputs) -> None:
    """The tutorial's subscriber: what it cannot parse is logged, and the offset goes on."""
    await s.start("tests.faults.arms.typed_consumer", s.topic)
    await s.send(s.rounds(1_000), RATE, len(POISON))
    await s.good_done(15)
    s.heal()


def _percentile(values: list[float], share: float) -> float:
    return values[max(0, math.ceil(share * len(values)) - 1)]


SCENARIOS = (
    Scenario(
        "R12", "records that nobody can read, 12 kinds", among_good_ones, world=inputs, timed=True, table=(50, 10.0)
    ),
    Scenario(
        "B4", "bad: FastStream's defaults among unreadable records", faststream_defaults, None, BOUND_SECONDS,
        frozenset({"I5"}), world=inputs,
    ),
)  # fmt: skip
