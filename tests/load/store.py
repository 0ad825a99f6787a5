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

OF_THE_RUN = {"Trials", "Other work"}
"""Facts that differ from one run to the next; the others are the machine's and the versions'."""


class Incomparable(ValueError):
    """Trials of another machine, or of other versions, are kept: these cannot be added to them."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One measure's trials, and what they were measured on."""

    measure: Measure
    results: Results
    facts: Facts


def trials_kept(measures: Sequence[Measure], facts: Facts, path: Path = STORE) -> int:
    """Return how many trials at least are kept of each of these measures.

    Raises Incomparable where some were run on another machine or with other versions than `facts` says.
    """
    kept = {one.measure.key: one for one in stored(path)}
    for measure in measures:
        one = kept.get(measure.key)
        if one is not None and _lasting(one.facts) != _lasting(facts):
            raise Incomparable(
                f"the trials kept of {measure.key} are of another machine or other versions: leave out ADD"
            )
    return min((kept[m.key].results.trials if m.key in kept else 0 for m in measures), default=0)


def _lasting(facts: Facts) -> dict[str, str]:
    return {name: text for name, text in facts if name not in OF_THE_RUN}


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


def add(measures: Sequence[Measure], results: Results, facts: Facts, path: Path = STORE) -> None:
    """Keep these trials after those that are kept of the same measures, as if one run had made them all.

    Raises Incomparable as trials_kept does, and nothing is written.
    """
    trials_kept(measures, facts, path)
    kept = {one.measure.key: one for one in stored(path)}
    for measure in measures:
        if measure.key in results.left_out:
            continue
        before = kept.get(measure.key)
        if before is None:
            keep([measure], results, facts, path)
            continue
        both = Results(before.results.trials + results.trials, before.results.values)
        for key, values in results.values.items():
            if key[0] == measure.key:
                both.values[key].extend(values)
        keep([measure], both, _said_together(before.facts, facts, both.trials), path)


def _said_together(before: Facts, facts: Facts, trials: int) -> Facts:
    said = dict(before)
    return [
        (name, f"{trials}, interleaved, in several runs" if name == "Trials" else f"{said[name]}; then {text}")
        if name in OF_THE_RUN and name in said
        else (name, text)
        for name, text in facts
    ]


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
