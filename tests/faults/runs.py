"""Run trials of many scenarios: side by side where they do not meet, alone where a server is hurt."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.engine import Outcome, Scenario, run_trial
from tests.faults.rig import Rig

AT_ONCE = 3
"""Trials wait more than they work; more of them on two cores would measure the machine."""

SEEDS = 1_000_000


@dataclass
class Run:
    """What was run and what came of it."""

    first_seed: int
    effort: float
    outcomes: list[Outcome] = field(default_factory=list)
    keep: Path | None = None
    """Where the logs of trials that went wrong are kept."""
    told: Callable[[Outcome], None] = lambda _: None
    """Called with each outcome as it comes."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Scenarios that cannot run here, with the reason."""

    def of(self, scenario: Scenario) -> list[Outcome]:
        """Return the outcomes of one scenario."""
        return [outcome for outcome in self.outcomes if outcome.scenario.name == scenario.name]


def any_seed() -> int:
    """Return a seed that nobody chose."""
    return random.randrange(SEEDS)


async def run_scenarios(
    rig: Rig,
    scenarios: Sequence[Scenario],
    trials: int | None,
    run: Run,
    say: Callable[[str], None],
    at_once: int = AT_ONCE,
) -> None:
    """Run each scenario `trials` times; the n-th trial's seed is the run's first seed plus n.

    None stands for as many as the table asks for, each as large as it asks (one where it has no such row).
    """
    started, done = time.monotonic(), 0
    room = asyncio.Semaphore(at_once)
    for scenario in scenarios:
        if reason := scenario.needs(rig):
            run.left_out[scenario.name] = reason
            say(f"{scenario.name}: NOT RUN: {reason}")
    runnable = [scenario for scenario in scenarios if scenario.name not in run.left_out]
    planned = [(one, n) for n, one in _interleaved(runnable, trials)]
    total = len(planned)

    async def one(scenario: Scenario, n: int) -> None:
        nonlocal done
        async with room:
            began = time.monotonic()
            effort = scenario.table[1] if trials is None else run.effort
            outcome = await run_trial(rig, scenario, run.first_seed + n, effort)
        run.outcomes.append(outcome)
        run.told(outcome)
        if not outcome.passed and run.keep is not None and outcome.logs is not None:
            shutil.copytree(outcome.logs, run.keep / f"{scenario.name}-{outcome.seed}", dirs_exist_ok=True)
        done += 1
        took, passed = time.monotonic() - began, "as it must" if outcome.passed else "WRONG"
        left = (time.monotonic() - started) / done * (total - done)
        say(f"{done}/{total}, about {left:.0f} s left · {passed} ({took:.1f} s) · {outcome.describe()}")

    alone = [one.name for one in runnable if one.exclusive or (one.timed and run.effort >= 1)]
    await asyncio.gather(*(one(scenario, n) for scenario, n in planned if scenario.name not in alone))
    for scenario, n in planned:
        if scenario.name in alone:
            await one(scenario, n)


def _interleaved(scenarios: Sequence[Scenario], trials: int | None) -> list[tuple[int, Scenario]]:
    counts = {one.name: max(1, one.table[0]) if trials is None else trials for one in scenarios}
    return [(n, one) for n in range(max(counts.values(), default=0)) for one in scenarios if n < counts[one.name]]
