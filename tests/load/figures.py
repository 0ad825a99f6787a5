"""Medians, percentiles, and ratios with their interval.

Trials are interleaved: trial n of every arm ran within the same minute, so a ratio's interval resamples whole trials,
and what slowed the machine for a while weighs on both sides of it. With three trials there are 10 different resamples:
the interval is then close to the smallest and the largest ratio seen.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 20261124
"""Fixed: the same trials give the same interval."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One median over another, with the bounds between which 95 % of the resamples fall."""

    value: float
    low: float
    high: float


def percentile(in_order: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of the values do not exceed (nearest rank); `in_order` ascends."""
    if not in_order:
        raise ValueError("no values")
    # The epsilon keeps 0.99 * 100, which is 99.00000000000001 or so, from meaning the hundredth.
    rank = max(1, -(-(share * len(in_order) - 1e-9) // 1))
    return in_order[int(rank) - 1]


def falling_behind(in_time: Sequence[float]) -> float:
    """Return how much larger the median of the last tenth is than that of the first; the values are in time's order."""
    tenth = max(1, len(in_time) // 10)
    return statistics.median(in_time[-tenth:]) - statistics.median(in_time[:tenth])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the straight line nearest to the points (least squares); 0 for fewer than two."""
    if len({x for x, _ in points}) < 2:
        return 0.0
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Return median(ours) / median(theirs); both are in order of trials."""
    if len(ours) != len(theirs) or not ours:
        raise ValueError("a ratio needs the same trials of both arms")
    source = random.Random(SEED)
    trials = range(len(ours))
    found = []
    for _ in range(RESAMPLES):
        drawn = source.choices(trials, k=len(ours))
        found.append(_median_of(ours, drawn) / _median_of(theirs, drawn))
    found.sort()
    margin = (1 - CONFIDENCE) / 2
    return Ratio(
        statistics.median(ours) / statistics.median(theirs), percentile(found, margin), percentile(found, 1 - margin)
    )


def _median_of(values: Sequence[float], drawn: Sequence[int]) -> float:
    return statistics.median([values[n] for n in drawn])
