"""What a measure is: named arms that do the same work one after the other, and the figures that each gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.load.rig import Rig
from tests.load.sizes import Sizes

Figures = Mapping[str, float]
"""Figures by metric name; an arm may lack one."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of figures."""

    name: str
    unit: str
    digits: int = 0
    """After the decimal point, where it is shown."""
    scheduled: bool = False
    """A latency under a schedule: it compares with another's only where both kept up with the schedule."""


BEHIND = "behind"
"""Not shown: by how many ms the last tenth of a schedule was answered later than the first tenth (medians)."""

BEHIND_MS_MAX = 500.0
"""More, and work arrived faster than it was done: the latencies are those of a queue that grows."""


@dataclass(frozen=True, slots=True)
class ArmOf:
    """One arm: how it is called, and how it is run once."""

    name: str
    run: Callable[[Rig, Sizes], Awaitable[Figures]]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure ought to be: that of our arm, or ours divided by another arm's."""

    text: str
    metric: str
    bound: float
    at_least: bool = False
    """Else at most."""
    against: str = ""
    """The arm that ours is divided by; empty for the figure itself."""
    ours: str = ""
    """Which of our arms; the first where none is named."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A question, asked of several arms. The first arm is ours; the others are what it is compared with."""

    key: str
    title: Callable[[Sizes], str]
    metrics: tuple[Metric, ...]
    arms: tuple[ArmOf, ...]
    needs: Callable[[Rig], str | None] = lambda _: None
    """Why it cannot be run on these servers, if it cannot."""
    goals: tuple[Goal, ...] = ()


def rate_and_cost(answer: Mapping[str, Any], count: int) -> Figures:
    """Return events a second and microseconds of processor time an event, from what an arm answered."""
    if answer["seconds"] <= 0 or count <= 0:
        return {}
    return {"rate": count / answer["seconds"], "cpu": 1e6 * answer["cpu_seconds"] / count}
