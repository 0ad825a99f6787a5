"""What partners are told of the sandbox is what the table holds."""

from __future__ import annotations

import re
from pathlib import Path

from maillage_contracts.sandbox import REFERS, SIMULATOR_PREFIX, SIMULATORS, simulator

PAGE = Path(__file__).resolve().parents[3] / "docs" / "partners" / "sandbox.md"


def test_page_for_partners_names_every_simulator_with_its_commune() -> None:
    page = PAGE.read_text("utf-8")

    councils = dict(re.findall(r"^\| `([0-9]{5})` [^|]*\| `(\w+)` \|", page, re.MULTILINE))
    assert councils == {one.commune: one.code for one in SIMULATORS if one.kind == "council"}
    services = re.findall(r"^\| `(simemploi\w+)` \|", page, re.MULTILINE)
    assert services == [one.code for one in SIMULATORS if one.kind == "employment_service"]
    associations = re.findall(r"^\| `(sim\w+)` \(association", page, re.MULTILINE)
    assert associations == [one.code for one in SIMULATORS if one.kind == "association"] == [REFERS]


def test_codes_are_unique_kept_for_simulators_and_found() -> None:
    assert len({one.code for one in SIMULATORS}) == len(SIMULATORS)
    for one in SIMULATORS:
        assert one.code.startswith(SIMULATOR_PREFIX)
        assert simulator(one.code) is one
        assert (one.kind == "council") is (one.commune is not None)
    assert simulator("cd93") is None
