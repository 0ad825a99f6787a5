"""What trials found, as Markdown: a row for each scenario, then every trial that went wrong, with its seed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from tests.faults.engine import Outcome, Scenario
from tests.faults.runs import Run

HEAD = (
    "scenario", "fault", "trials", "asked", "share", "injected", "events", "lost", "doubled", "out of order",
    "recovery p50", "p99", "a trial takes", "seeds", "result",
)  # fmt: skip

INTRODUCTION = """\
What [the fault rig](../tests/faults/README.md) found; `make faults-page` writes this page from `dist/faults.jsonl`, to
which every trial of `make faults` adds a line. The rig runs the real services, relays and consumers as processes on a
real PostgreSQL (`fsync` on) and a real Kafka, hurts them, and then asks what is true: every acknowledged command has
its events in the topic (I1), one effect for each event and consumer (I2), in order under each key (I3), nothing that
was not committed (I4), every record an effect or a dead letter with a reason (I5), without anybody's help within the
bound (I6). Arms known to be bad (B) and mutants of the product (M) must be caught, or the rig proves nothing.

**Fewer trials were run than the table asks for**: the columns *trials*, *asked* and *share* say how many of how many.
"""

NOTES = """
- **Asked** is what the table of R1 to R21 asks for, over all scenarios of a row (R1 and R1b are one). A trial hurts
  several times (**injected**). A trial may be a short form; **share** is the work done of the work asked for, so that
  four short forms of a quarter count as one trial.
- **Recovery** is the time from the end of the last fault until every committed event had its effect, with writing going
  on at first.
- For what is bad by design (B, M), `caught` is what must be, and what it lost or doubled is its own.
- `n` clean trials bound the rate of failures at about `3/n` (95 %).
"""


def as_markdown(scenarios: Sequence[Scenario], run: Run, facts: Sequence[str] = ()) -> str:
    """Return the whole report."""
    rows = [HEAD, tuple("---" for _ in HEAD)]
    rows += [_row(scenario, run) for scenario in scenarios]
    lines = ["# Fault trials", "", *facts, ""] + [f"| {' | '.join(row)} |" for row in rows]
    wrong = [outcome for outcome in run.outcomes if not outcome.passed]
    lines += ["", "## Went wrong", "", *(f"- {outcome.describe()}" for outcome in wrong)] if wrong else []
    figures = _figures(scenarios, run)
    lines += ["", "## Measured beside", "", *figures] if figures else []
    return "\n".join(lines) + "\n" + NOTES


def _row(scenario: Scenario, run: Run) -> tuple[str, ...]:
    outcomes = run.of(scenario)
    asked, effort = scenario.table
    told = (str(asked) if effort == 1 else f"{asked} × {effort:g}") if asked else ""
    if not outcomes:
        left_out = run.left_out.get(scenario.name, "no trial")
        return (scenario.name, scenario.fault, "0", told, *("" for _ in range(10)), f"NOT RUN: {left_out}")
    verdicts = [outcome.verdict for outcome in outcomes if outcome.verdict is not None]
    took = [outcome.recovery_seconds for outcome in outcomes if outcome.recovery_seconds is not None]
    done = sum(outcome.effort for outcome in outcomes)
    seeds = sorted(outcome.seed for outcome in outcomes)
    return (
        scenario.name,
        scenario.fault,
        str(len(outcomes)),
        told,
        f"{100 * done / (asked * effort):.3g} %" if asked else "",
        str(sum(outcome.injected for outcome in outcomes)),
        str(sum(verdict.events for verdict in verdicts)),
        str(sum(verdict.lost + verdict.unexplained for verdict in verdicts)),
        str(sum(verdict.doubled for verdict in verdicts)),
        str(sum(verdict.out_of_order for verdict in verdicts)),
        _seconds(took, 0.5) if not scenario.catches else "",
        _seconds(took, 0.99) if not scenario.catches else "",
        f"{statistics.median(outcome.seconds for outcome in outcomes):.0f} s",
        str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}",
        _result(scenario, outcomes),
    )


def _figures(scenarios: Sequence[Scenario], run: Run) -> list[str]:
    lines = []
    for scenario in scenarios:
        outcomes = [outcome for outcome in run.of(scenario) if outcome.figures]
        for name in dict.fromkeys(name for outcome in outcomes for name in outcome.figures):
            values = [outcome.figures[name] for outcome in outcomes if name in outcome.figures]
            least, median, most = min(values), statistics.median(values), max(values)
            lines.append(f"- {scenario.name}, {name}: median {median:.3g} of {len(values)} ({least:.3g} to {most:.3g})")
    return lines


def _result(scenario: Scenario, outcomes: Sequence[Outcome]) -> str:
    good = sum(outcome.passed for outcome in outcomes)
    if scenario.catches:
        return f"caught {good} of {len(outcomes)}"
    failed = sum(outcome.verdict is None for outcome in outcomes)
    broken = len(outcomes) - good - failed
    found = f"**{broken} BROKEN**" if broken else "clean" if good else ""
    return ", ".join(filter(None, (found, f"{failed} not judged: the rig failed" if failed else "")))


def _seconds(values: Sequence[float], share: float) -> str:
    if not values:
        return "never"
    return f"{sorted(values)[max(0, math.ceil(share * len(values)) - 1)]:.1f} s"
