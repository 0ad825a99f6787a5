"""Which goals the figures reach: by the median, whatever its interval says, and beside it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from tests.load.figures import ratio
from tests.load.measures.measure import Goal, Measure
from tests.load.trials import Results


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal, the figure that was measured, and whether it is reached."""

    goal: Goal
    value: float
    low: float
    high: float
    reached: bool

    @property
    def shown(self) -> str:
        """The figure and its interval, as text."""
        unit = "×" if self.goal.against else ""
        return f"{_number(self.value)}{unit} [{_number(self.low)}, {_number(self.high)}]"


def judged(measure: Measure, results: Results) -> Iterator[Judged]:
    """Yield the measure's goals for which there are figures."""
    for goal in measure.goals:
        ours = results.of(measure.key, goal.ours or measure.arms[0].name, goal.metric)
        theirs = results.of(measure.key, goal.against, goal.metric) if goal.against else [1.0] * len(ours)
        if not ours or len(ours) != len(theirs) or min(theirs) <= 0:
            continue
        found = ratio(ours, theirs)
        reached = found.value >= goal.bound if goal.at_least else found.value <= goal.bound
        yield Judged(goal, found.value, found.low, found.high, reached)


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def medians(measure: Measure, results: Results, metric: str) -> dict[str, float]:
    """Return a metric's median by arm."""
    found = {arm.name: results.of(measure.key, arm.name, metric) for arm in measure.arms}
    return {name: statistics.median(values) for name, values in found.items() if values}
