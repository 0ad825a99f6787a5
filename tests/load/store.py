"""What was measured last, kept beside the page, which is made of it: measures may run on different days."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.load.measures.all import MEASURES
from tests.load.measures.measure import Measure
from tests.load.processes import ROOT
from tests.load.trials import Results

STORE = ROOT / "docs" / "performance.json"
Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Stored:
    """One measure's trials, and what they were measured on."""

    measure: Measure
    results: Results
    facts: Facts


def keep(measures: Sequence[Measure], results: Results, facts: Facts, path: Path = STORE) -> None:
    """Replace what is kept of these measures; the others stay."""
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for measure in measures:
        if measure.key in results.left_out:
            continue
        kept[measure.key] = {
            "trials": results.trials,
            "facts": [list(fact) for fact in facts],
            "values": [
                [arm, metric, [float(f"{value:.6g}") for value in values]]
                for (key, arm, metric), values in results.values.items()
                if key == measure.key
            ],
        }
    path.write_text(json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")


def stored(path: Path = STORE) -> list[Stored]:
    """Return what is kept, in the order of the measures."""
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    found = []
    for measure in MEASURES:
        one = kept.get(measure.key)
        if one is None:
            continue
        results = Results(one["trials"])
        for arm, metric, values in one["values"]:
            results.values[measure.key, arm, metric] = values
        found.append(Stored(measure, results, [(name, text) for name, text in one["facts"]]))
    return found
