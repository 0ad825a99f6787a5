"""Run one trial of one scenario, and say what came of it. The seed is all that a trial draws from."""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tests.faults.api import Api, api
from tests.faults.oracle import Verdict, judge
from tests.faults.pipeline import pipeline
from tests.faults.rig import Rig

FRAMES = 8
"""How much of a traceback is told on a line."""

SHARED = 3
"""How many times its bound a trial is given that shares the machine with other tests."""

World: TypeAlias = "Callable[[Rig, str, int, float], AbstractAsyncContextManager[Any]]"
"""From a rig, a name, a seed and an effort: `folder`, `settled(bound_seconds)`, `facts(settled=)` and `cuts()`."""


@dataclass(frozen=True)
class Scenario:
    """One fault, with the work that it meets and the bound within which everything must be well again."""

    name: str
    fault: str
    """In a few words, for the report."""
    play: Callable[[Any], Awaitable[None]] | None = None
    """Handed a Pipeline, or what `world` gives."""
    play_api: Callable[[Api], Awaitable[None]] | None = None
    bound_seconds: float = 30.0
    catches: frozenset[str] = frozenset()
    """For a known-bad arm or a mutant: the invariants of which at least one must be seen broken."""
    exclusive: bool = False
    """Hurts a server that others use."""
    timed: bool = False
    """Measures: a whole trial has the machine for itself."""
    only_long: bool = False
    """Takes too long for `make test`."""
    needs: Callable[[Rig], str | None] = lambda _: None
    """Says why it cannot run here, if so."""
    ground: Callable[[Rig], AbstractAsyncContextManager[Rig]] = nullcontext
    """Gives servers of the trial's own."""
    world: World | None = None
    """Gives what `play` is handed, where that is neither a Pipeline nor an Api."""
    table: tuple[int, float] = (0, 1.0)
    """How many trials the table of R1 to R21 asks for, and of which effort; none where it has no such row."""


@dataclass(frozen=True)
class Outcome:
    """What came of one trial."""

    scenario: Scenario
    seed: int
    injected: int
    recovery_seconds: float | None
    verdict: Verdict | None
    error: str = ""
    effort: float = 1.0
    logs: Path | None = None
    """What its processes printed."""
    seconds: float = 0.0
    """How long the trial took, its servers' start included."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured beside."""

    @property
    def passed(self) -> bool:
        """Whether it ended as it must: nothing broken, or, for what is bad by design, something caught."""
        if self.error or self.verdict is None:
            return False
        if self.scenario.catches:
            return bool(self.verdict.broken & self.scenario.catches)
        return not self.verdict.broken

    def describe(self) -> str:
        """Return one line, with what replays this trial."""
        broken = "; ".join(f"{n}: {w}" for n, w in self.verdict.violations.items()) if self.verdict else self.error
        told = broken or "nothing broken"
        short = " SHORT=1" if self.effort < 1 else ""
        replay = f"make faults ONLY={self.scenario.name} SEED={self.seed}{short}"
        return f"{self.scenario.name} ({self.scenario.fault}): {told} · seed {self.seed}, replayed by `{replay}`"


async def run_trial(rig: Rig, scenario: Scenario, seed: int, effort: float = 1.0) -> Outcome:
    """Play a scenario once, wait until everything is settled or the bound is over, and judge."""
    injected, logs, started = 0, None, time.monotonic()
    try:
        async with scenario.ground(rig) as ground, _world(ground, scenario, seed, effort) as world:
            logs = world.folder
            await (scenario.play_api or scenario.play)(world)  # type: ignore[misc]  # one of them is there
            took = await world.settled(_bound(scenario, effort))
            injected = world.cuts()
            facts = await world.facts(settled=took is not None)
            verdict = judge(facts)
    except Exception as error:  # noqa: BLE001  # the rig's own failure is told with its seed, and fails the trial
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
        where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
        told = f"the rig failed: {type(error).__name__}: {error} ({where})"
        return Outcome(scenario, seed, injected, None, None, told, effort, logs, time.monotonic() - started)
    seconds = time.monotonic() - started
    return Outcome(scenario, seed, injected, took, verdict, "", effort, logs, seconds, facts.figures)


def _bound(scenario: Scenario, effort: float) -> float:
    # Short trials prove the end, whole ones the time as well. What by design never settles is waited for no longer.
    return scenario.bound_seconds * (SHARED if effort < 1 and not scenario.catches else 1)


def _world(rig: Rig, scenario: Scenario, seed: int, effort: float) -> Any:
    make: Any = scenario.world or (api if scenario.play_api is not None else pipeline)
    return make(rig, scenario.name, seed, effort)
