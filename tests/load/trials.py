"""Runs every arm once a trial, trial after trial, and keeps what each gave.

The arms of a measure follow one another at once, and the one that begins changes with each trial: what slows the
machine for a minute, or warms it, weighs on all of them.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.load.measures.measure import BEHIND, BEHIND_MS_MAX, ArmOf, Measure
from tests.load.rig import Rig
from tests.load.sizes import Sizes

Say = Callable[[str], None]


@dataclass(slots=True)
class Results:
    """Figures by measure, arm and metric, in order of trials; and what was left out, with the reason."""

    trials: int
    values: dict[tuple[str, str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    left_out: dict[str, str] = field(default_factory=dict)

    def of(self, measure: str, arm: str, metric: str) -> list[float]:
        """Return the figures of one metric of one arm; empty where the arm has none."""
        return self.values.get((measure, arm, metric), [])

    def kept_up(self, measure: str, arm: str) -> bool:
        """Tell whether, in most trials, an arm did the scheduled work as fast as it came."""
        behind = self.of(measure, arm, BEHIND)
        return not behind or statistics.median(behind) <= BEHIND_MS_MAX


async def run_trials(
    rig: Rig, measures: Sequence[Measure], sizes: Sizes, trials: int, say: Say, *, before: int = 0
) -> Results:
    """Run everything, saying what is done meanwhile; raises when an arm lost or doubled an event.

    `before` is how many trials an earlier run made: the arm that begins follows on from there.
    """
    results = Results(trials)
    for measure in measures:
        reason = measure.needs(rig)
        if reason is not None:
            results.left_out[measure.key] = reason
            say(f"{measure.key}: left out: {reason}")
    runs = [m for m in measures if m.key not in results.left_out]
    for trial in range(trials):
        for measure in runs:
            for arm in _turned(measure.arms, before + trial):
                await _run(rig, sizes, measure, arm, f"trial {trial + 1}/{trials}", results, say)
    return results


async def _run(rig: Rig, sizes: Sizes, measure: Measure, arm: ArmOf, where: str, results: Results, say: Say) -> None:
    started = time.monotonic()
    figures = await arm.run(rig, sizes)
    for name, value in figures.items():
        results.values[measure.key, arm.name, name].append(value)
    shown = ", ".join(f"{figures[m.name]:,.{m.digits}f} {m.unit}" for m in measure.metrics if m.name in figures)
    say(f"{where} · {measure.key} · {arm.name}: {shown} ({time.monotonic() - started:.0f} s)")


def _turned(arms: Sequence[ArmOf], trial: int) -> list[ArmOf]:
    first = trial % len(arms)
    return [*arms[first:], *arms[:first]]
