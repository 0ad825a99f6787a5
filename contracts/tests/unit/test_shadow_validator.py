"""A partner's own validator is tried on real events: refusals are counted, and nothing it says is repeated."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from maillage_contracts import ContractError
from maillage_contracts.shadow_validator import UNPLACED, try_validator

LINES = [
    json.dumps({"type": kind, "data": {"status": status}}) for kind, status in (("a", "x"), ("a", "y"), ("b", "x"))
]

PROGRAM = """
import json, sys
for line in sys.stdin:
    event = json.loads(line)
    if event["data"]["status"] == "x":
        print("ok", flush=True)
    else:
        print(json.dumps({"valid": False, "path": sys.argv[1], "why": "Camille"}), flush=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "validator.py"
    path.write_text(PROGRAM, "utf-8")
    return path


def test_refusals_are_counted_by_type_and_path(program: Path) -> None:
    found = try_validator([sys.executable, str(program), "data.items[].status"], [*LINES, ""])

    assert (found.events, found.refused) == ({"a": 2, "b": 1}, {"a": 1})
    assert found.places == {("a", "data.items[].status"): 1}
    assert not found.harmless
    assert "Camille" not in repr(found)


def test_path_that_is_none_is_not_repeated(program: Path) -> None:
    found = try_validator([sys.executable, str(program), "Camille Exemple, 1 rue"], LINES)

    assert found.places == {("a", UNPLACED): 1}


def test_validator_that_ends_early_is_no_verdict() -> None:
    with pytest.raises(ContractError, match="ended"):
        try_validator([sys.executable, "-c", "input(); print('ok', flush=True)"], LINES)
