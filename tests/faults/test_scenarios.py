"""The list of scenarios, the mutants and the report hold together; nothing is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.faults.__main__ import chosen
from tests.faults.engine import Outcome, Scenario
from tests.faults.oracle import Verdict
from tests.faults.report import as_markdown
from tests.faults.results import keep, kept
from tests.faults.runs import Run
from tests.faults.scenarios.every import EVERY

CLEAN = Verdict(0, 0, 0, 0, 0, 0, 40, {})
LOST = Verdict(2, 0, 0, 0, 0, 0, 40, {"I1": "2 committed events are not in the topic"})


def test_names_are_different_and_chosen_by_name_or_kind() -> None:
    assert len({one.name for one in EVERY}) == len(EVERY)
    assert [one.name for one in chosen("R1,B2")] == ["R1", "B2"]
    assert {one.name[0] for one in chosen("M")} == {"M"}


def test_every_mutant_finds_what_it_breaks() -> None:
    code = "from chassis.testing.mutants import MUTANTS\nfor mutate in MUTANTS.values(): mutate()"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_bad_passes_only_when_caught() -> None:
    bad = Scenario("M1", "bad", catches=frozenset({"I1"}))
    assert Outcome(bad, 1, 1, None, LOST).passed
    assert not Outcome(bad, 1, 1, 1.0, CLEAN).passed
    assert not Outcome(Scenario("R1", "good"), 1, 1, None, LOST).passed
    assert not Outcome(Scenario("R1", "good"), 1, 1, None, None, "the rig failed").passed


def test_the_report_counts_and_names_the_seed_of_what_went_wrong() -> None:
    good, bad, away = Scenario("R1", "kill", table=(300, 1.0)), Scenario("R2", "stop"), Scenario("R4", "away")
    run = Run(70, 1.0, [Outcome(good, 70, 3, 1.25, CLEAN), Outcome(good, 71, 3, 2.5, CLEAN),
                        Outcome(bad, 70, 1, None, LOST)], left_out={"R4": "not ours"})  # fmt: skip

    text = as_markdown([good, bad, away], run)

    assert "| R1 | kill | 2 | 300 | 0.667 % | 6 | 80 | 0 | 0 | 0 | 1.2 s | 2.5 s | 0 s | 70 to 71 | clean |" in text
    assert "| R2 | stop | 1 |  |  | 1 | 40 | 2 | 0 | 0 | never | never | 0 s | 70 | **1 BROKEN** |" in text
    assert "NOT RUN: not ours" in text
    assert "make faults ONLY=R2 SEED=70`" in text


def test_trials_that_were_kept_are_reported_as_they_were(tmp_path: Path) -> None:
    good, file = Scenario("R1", "kill"), tmp_path / "kept.jsonl"
    for outcome in (
        Outcome(good, 70, 3, 1.25, CLEAN, effort=0.25, seconds=4.5, figures={"p99, ms": 12.0}),
        Outcome(good, 71, 3, None, LOST, "not well"),
        Outcome(Scenario("R99", "gone"), 1, 1, None, LOST),
    ):
        keep(file, outcome, ["- Machine: one"])

    outcomes, facts = kept([file], [good])

    assert [(one.seed, one.passed, one.verdict, one.effort) for one in outcomes] == [
        (70, True, CLEAN, 0.25), (71, False, LOST, 1.0)
    ]  # fmt: skip
    assert outcomes[0].figures == {"p99, ms": 12.0}
    assert facts[0] == "- Machine: one"


def test_the_table_has_each_row_that_is_played_here() -> None:
    rows = {"".join(sign for sign in one.name if not sign.islower()) for one in EVERY if one.table[0]}
    assert rows >= {f"R{n}" for n in (*range(1, 17), 20)}
