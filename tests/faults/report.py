"""What a run found, as a Markdown table: a row for each scenario, then every trial that went wrong, with its seed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.faults.engine import Outcome, Scenario
from tests.faults.runs import Run

HEAD = (
    "scenario", "fault", "trials", "injected", "events", "lost", "doubled", "out of order", "recovery p50", "p99",
    "seed", "result",
)  # fmt: skip


def as_markdown(scenarios: Sequence[Scenario], run: Run, facts: Sequence[str] = ()) -> str:
    """Return the whole report."""
    rows = [HEAD, tuple("---" for _ in HEAD)]
    rows += [_row(scenario, run) for scenario in scenarios]
    lines = ["# Fault trials", "", *facts, ""] + [f"| {' | '.join(row)} |" for row in rows]
    wrong = [outcome for outcome in run.outcomes if not outcome.passed]
    lines += ["", "## Went wrong", "", *(f"- {outcome.describe()}" for outcome in wrong)] if wrong else []
    lines += [
        "",
        "Recovery is the time from the end of the last fault until every committed event had its effect, with",
    ]
    lines += ["writing going on at first. For what is bad by design (B, M), `caught` is what must be."]
    return "\n".join(lines) + "\n"


def _row(scenario: Scenario, run: Run) -> tuple[str, ...]:
    outcomes = run.of(scenario)
    if not outcomes:
        left_out = run.left_out.get(scenario.name, "was interrupted")
        return (scenario.name, scenario.fault, "0", *("" for _ in range(8)), f"NOT RUN: {left_out}")
    verdicts = [outcome.verdict for outcome in outcomes if outcome.verdict is not None]
    took = [outcome.recovery_seconds for outcome in outcomes if outcome.recovery_seconds is not None]
    return (
        scenario.name,
        scenario.fault,
        str(len(outcomes)),
        str(sum(outcome.injected for outcome in outcomes)),
        str(sum(verdict.events for verdict in verdicts)),
        str(sum(verdict.lost + verdict.unexplained for verdict in verdicts)),
        str(sum(verdict.doubled for verdict in verdicts)),
        str(sum(verdict.out_of_order for verdict in verdicts)),
        _seconds(took, 0.5) if not scenario.catches else "",
        _seconds(took, 0.99) if not scenario.catches else "",
        str(run.first_seed),
        _result(scenario, outcomes),
    )


def _result(scenario: Scenario, outcomes: Sequence[Outcome]) -> str:
    good = sum(outcome.passed for outcome in outcomes)
    if scenario.catches:
        return f"caught {good} of {len(outcomes)}"
    return "clean" if good == len(outcomes) else f"**{len(outcomes) - good} BROKEN**"


def _seconds(values: Sequence[float], share: float) -> str:
    if not values:
        return "never"
    return f"{sorted(values)[max(0, math.ceil(share * len(values)) - 1)]:.1f} s"
