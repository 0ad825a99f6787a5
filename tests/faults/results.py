"""Trials kept in a file, a line each, so that a page can be written from many runs on many days."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.engine import Outcome, Scenario
from tests.faults.oracle import Verdict

KEPT = Path("dist") / "faults.jsonl"


def keep(path: Path, outcome: Outcome, facts: Sequence[str]) -> None:
    """Add a trial to a file, with what it ran on."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scenario": outcome.scenario.name,
        "seed": outcome.seed,
        "injected": outcome.injected,
        "recovery_seconds": outcome.recovery_seconds,
        "verdict": asdict(outcome.verdict) if outcome.verdict else None,
        "error": outcome.error,
        "effort": outcome.effort,
        "seconds": round(outcome.seconds, 2),
        "figures": dict(outcome.figures),
        "facts": list(facts),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def kept(paths: Iterable[Path], scenarios: Sequence[Scenario]) -> tuple[list[Outcome], list[str]]:
    """Return the trials of these files, with every machine and version that they ran on.

    Trials of scenarios that are no more are left out.
    """
    known = {one.name: one for one in scenarios}
    lines = [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]
    facts = dict.fromkeys(fact for line in lines for fact in line["facts"])
    days = sorted({line["at"][:10] for line in lines})
    told = [*facts, f"- Days: {', '.join(days)}", f"- Trials: {len(lines)}"]
    return [_outcome(known[line["scenario"]], line) for line in lines if line["scenario"] in known], told


def _outcome(scenario: Scenario, line: dict[str, Any]) -> Outcome:
    verdict = Verdict(**line["verdict"]) if line["verdict"] else None
    return Outcome(
        scenario,
        line["seed"],
        line["injected"],
        line["recovery_seconds"],
        verdict,
        line["error"],
        line["effort"],
        seconds=line["seconds"],
        figures=line["figures"],
    )
