"""Hurt Maillage in every way that the rig knows: `make faults TRIALS=5`, or `python -m tests.faults`.

Prints progress on stderr and the report on stdout, and writes the report into a file too. Ends with code 1 when
anything went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
import time
from pathlib import Path

from tests.faults.engine import Scenario
from tests.faults.report import INTRODUCTION, as_markdown
from tests.faults.results import KEPT, keep, kept
from tests.faults.rig import rig_on
from tests.faults.runs import AT_ONCE, Run, any_seed, run_scenarios
from tests.faults.scenarios.every import EVERY
from tests.load.machine import describe
from tests.load.servers import Servers, running_servers

REPORT = Path("dist") / "faults.md"
SHORT_EFFORT = 0.25


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    names = ",".join(one.name for one in EVERY)
    parser.add_argument(
        "--trials", default="1", help="how often each scenario is played (default 1); `table`: as asked"
    )
    parser.add_argument("--only", default=names, help=f"some of: {names}; R1 alone is R1, `R` every R")
    parser.add_argument("--seed", type=int, default=None, help="the first trial's seed; replays what was printed")
    parser.add_argument("--short", action="store_true", help="trials as short as those of make test")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help=f"trials side by side (default {AT_ONCE})")
    parser.add_argument("--report", type=Path, default=REPORT, help=f"the file (default {REPORT})")
    parser.add_argument("--kept", type=Path, default=KEPT, help=f"where each trial adds a line (default {KEPT})")
    parser.add_argument("--page", type=Path, nargs="+", help="run nothing: report what these files have kept")
    parser.add_argument("--note", default="", help="a sentence for the page, on how its trials were run")
    asked = parser.parse_args()
    if asked.trials != "table" and not asked.trials.isdigit():
        parser.error("--trials is a number or `table`")
    return asked


def chosen(only: str) -> list[Scenario]:
    """Return the scenarios of these names, or whose names begin with a letter given alone."""
    wanted = only.split(",")
    return [one for one in EVERY if one.name in wanted or one.name[0] in wanted]


def main() -> int:
    """Run what was asked."""
    asked = arguments()
    scenarios = chosen(asked.only)
    if not scenarios:
        sys.stderr.write(f"no scenario of that name: {asked.only}\n")
        return 2
    if asked.page:
        return _write_page(asked, scenarios)
    started = time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - started:5.0f} s] {line}\n")

    # The pool of a writer reports each connection that it cannot have back: the point of a fault.
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
    run = Run(any_seed() if asked.seed is None else asked.seed, SHORT_EFFORT if asked.short else 1.0)
    run.keep = asked.report.with_suffix("")
    shutil.rmtree(run.keep, ignore_errors=True)
    say(f"seed {run.first_seed}; starting the servers")
    with running_servers() as servers:
        facts = [f"- {name}: {text}" for name, text in describe(servers)]
        run.told = lambda outcome: keep(asked.kept, outcome, facts)
        try:
            asyncio.run(_play(servers, scenarios, asked, run, say))
        except KeyboardInterrupt:
            say("interrupted: what was done until now follows")
    text = as_markdown(scenarios, run, [*facts, f"- Trials: {asked.trials} of each, first seed {run.first_seed}"])
    _write(asked.report, text)
    sys.stdout.write("\n" + text)
    say(f"the report is in {asked.report}")
    return 0 if all(outcome.passed for outcome in run.outcomes) else 1


def _write_page(asked: argparse.Namespace, scenarios: list[Scenario]) -> int:
    outcomes, facts = kept(asked.page, scenarios)
    _write(
        asked.report,
        as_markdown(
            scenarios, Run(0, 1.0, outcomes), [INTRODUCTION, *facts, *([f"- {asked.note}"] if asked.note else [])]
        ),
    )
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


async def _play(servers: Servers, scenarios: list[Scenario], asked: argparse.Namespace, run: Run, say: object) -> None:
    assert callable(say)
    async with rig_on(servers.postgres, servers.kafka, servers.folder) as rig:
        trials = None if asked.trials == "table" else int(asked.trials)
        await run_scenarios(rig, scenarios, trials, run, say, asked.at_once)


if __name__ == "__main__":
    raise SystemExit(main())
