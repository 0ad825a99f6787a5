"""The pictures of docs/performance.md, as SVG: the same figures give the same bytes.

matplotlib is there only where `make bench PAGE=1` installed it, and looked for only when something is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from tests.load.goals import Judged, judged, medians
from tests.load.processes import ROOT
from tests.load.store import Stored

FOLDER = ROOT / "docs" / "pictures"
RATIOS_PICTURE, GROWTH_PICTURE = "performance-ratios.svg", "performance-growth.svg"
INK, OURS, MISSED = "#555555", "#1f6feb", "#c2410c"
"""Readable on white and on black."""

GROWN = {"backlog": "backlog", "partners": "partners", "history": "history of the stream"}


def draw(found: Sequence[Stored]) -> None:
    """Write what there are figures for."""
    mpl: Any = import_module("matplotlib")
    mpl.use("svg")
    style = {"svg.hashsalt": "maillage", "svg.fonttype": "none", "font.size": 9}
    style |= {f"{name}color": INK for name in ("text.", "axes.edge", "axes.label", "xtick.", "ytick.")}
    with mpl.rc_context(style):
        goals = [j for one in found for j in judged(one.measure, one.results) if j.goal.against]
        if goals:
            _ratios(goals)
        growth = next((one for one in found if one.measure.key == "growth"), None)
        if growth is not None:
            _growth(medians(growth.measure, growth.results, "wall"))


def _ratios(goals: Sequence[Judged]) -> None:
    figure, axes = _figure(0.32 * len(goals) + 1.2)
    for n, one in enumerate(reversed(goals)):
        color = OURS if one.reached else MISSED
        axes.plot([one.low, one.high], [n, n], color=color, linewidth=1.5)
        axes.plot([one.value], [n], marker="o", color=color, markersize=5)
        axes.plot([one.goal.bound], [n], marker="|", color=INK, markersize=12)
    axes.set_yticks(range(len(goals)), [one.goal.text for one in reversed(goals)])
    axes.set_xscale("log")
    axes.set_xlabel("ours ÷ the other arm, median and 95 % interval; the bar is the goal")
    _save(figure, RATIOS_PICTURE)


def _growth(cost: dict[str, float]) -> None:
    figure, axes = _figure(3.2)
    base = next(iter(cost.values()))
    for what, label in GROWN.items():
        points = [(1, base), *((n, cost[name]) for n in (10, 100) if (name := f"{what} {n}×") in cost)]
        axes.plot([x for x, _ in points], [y / base for _, y in points], marker="o", label=label)
    axes.axhline(1.2, color=INK, linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.set_xticks([1, 10, 100], ["1×", "10×", "100×"])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("how much more of it there is")
    axes.set_ylabel("cost of a copy ÷ the smallest run's")
    axes.legend(frameon=False, labelcolor=INK)
    _save(figure, GROWTH_PICTURE)


def _figure(height: float) -> tuple[Any, Any]:
    figure = import_module("matplotlib.figure").Figure(figsize=(8.2, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(axis="x", color=INK, alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.patch.set_alpha(0)
    return figure, axes


def _save(figure: Any, name: str) -> None:
    figure.savefig(FOLDER / name, format="svg", transparent=True, metadata={"Date": None})
