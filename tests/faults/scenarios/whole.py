"""R17, R18 and R19 as scenarios of the rig: what they hurt is more than one service's path.

R17 and R19 start a whole Maillage of their own; `make test` has their short forms on the stack that other tests use
(tests/journey/test_erasure.py, test_replay.py), so here they are only part of `make faults`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.engine import Scenario
from tests.faults.oracle import Facts
from tests.faults.rig import Rig
from tests.faults.scenarios import r17_replay, r18_webhooks, r19_erasure

from maillage.testing.running import RunningStack

SUBJECTS, ERASED = 10_000, 1_000
"""Of a whole trial of R19, as the table asks."""

FEWEST = 10


@dataclass
class Whole:
    """A running Maillage; what goes wrong in it is told in words."""

    stack: RunningStack
    folder: Path
    effort: float
    injected: int = 0
    strange: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    took: float = 0.0

    async def settled(self, bound_seconds: float) -> float | None:
        """Return how long the repair took: the plays wait for it themselves."""
        return self.took if self.took <= bound_seconds else None

    async def facts(self, *, settled: bool) -> Facts:
        """Return what was seen."""
        return Facts(set(), [], [], None, strange=self.strange, settled=settled)

    def cuts(self) -> int:
        """Return how often something was erased or rebuilt."""
        return self.injected


@asynccontextmanager
async def whole(rig: Rig, name: str, seed: int, effort: float) -> AsyncIterator[Whole]:
    """Give a whole Maillage; it ends with the block. Stories draw their names, not their course, from chance."""
    with RunningStack.in_temporary_folder() as stack:
        await asyncio.to_thread(stack.start)
        yield Whole(stack, rig.new_folder(name), effort)


async def replay(world: Whole) -> None:
    """Live a story, refer and erase, then rebuild each service from its topics and compare."""
    started = time.monotonic()
    verdicts = await r17_replay.trial(world.stack)
    world.took = time.monotonic() - started
    world.injected = len(verdicts)
    world.strange += [f"{service}: {verdict}" for service, verdict in verdicts.items() if verdict != "equal"]


async def erase(world: Whole) -> None:
    """Erase a tenth of the persons under load, then look for them everywhere."""
    subjects = max(FEWEST, round(SUBJECTS * world.effort))
    world.injected = max(1, round(ERASED * world.effort))
    try:
        trial = await r19_erasure.play(world.stack, subjects, world.injected)
    except AssertionError as error:
        world.strange.append(str(error).partition("\n")[0] or "something of an erased person was found")
    else:
        world.took = trial.took_seconds


SCENARIOS = (
    Scenario(
        "R17", "every service rebuilt from its topics", play=replay, world=whole, bound_seconds=600.0, only_long=True,
        table=(20, 1.0),
    ),
    *(
        Scenario(
            name, fault, play=play, world=r18_webhooks.webhooks, bound_seconds=r18_webhooks.BOUND_SECONDS,
            only_long=name != "R18a", table=(30, 1.0),
        )
        for name, fault, play in r18_webhooks.PLAYS
    ),
    Scenario(
        "R19", "a tenth of the persons erased under load", play=erase, world=whole,
        bound_seconds=r19_erasure.BOUND_SECONDS, only_long=True, table=(10, 1.0),
    ),
)  # fmt: skip
