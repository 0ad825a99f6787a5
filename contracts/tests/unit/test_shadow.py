"""A proposed schema is tried on real events: what breaks is counted by field and rule, and nothing else is said."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from maillage_contracts import ContractError, schema_for
from maillage_contracts.__main__ import main
from maillage_contracts.shadow import shadow

DECLINED = "fr.maillage.referrals.referral.declined.v1"
STEM = "referrals.referral.declined.v1"


@pytest.fixture
def lines(root: Path) -> list[str]:
    """Every example of the type as a line of an export, and an event of another type."""
    found = [
        json.dumps({"type": DECLINED, "data": json.loads(path.read_bytes())})
        for path in sorted((root / "examples" / STEM).glob("*.json"))
    ]
    return [*found, json.dumps({"type": "fr.maillage.a.b.c.v1", "data": {}}), ""]


def proposed(**changes: Any) -> dict[str, Any]:
    schema = copy.deepcopy(schema_for(DECLINED))
    schema["properties"] |= changes
    return schema


def test_optional_field_breaks_nothing(lines: list[str]) -> None:
    optional = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}

    report = shadow(proposed(zone=optional), lines)

    assert report.harmless
    assert report.events == len(lines) - 2
    assert not report.places


def test_tighter_schema_says_where_and_how_often_and_repeats_nothing(lines: list[str]) -> None:
    schema = proposed(declined_by={"type": "string", "pattern": "^provider$"})
    schema["required"].append("zone")
    schema["properties"]["reasons"]["items"]["pattern"] = "^none$"

    report = shadow(schema, lines)

    assert report.refused == report.events
    assert report.places["(event): required zone"] == report.events
    assert report.places["reasons[]: pattern"] == report.events
    assert 0 < report.places["declined_by: pattern"] < report.events
    assert {finding.verdict for finding in report.findings} == {"unknown"}


def test_change_that_no_event_met_is_still_what_the_gate_says(lines: list[str]) -> None:
    schema = proposed()
    schema["properties"]["aggregate_version"]["maximum"] = 10_000

    report = shadow(schema, lines)

    assert report.refused == 0
    assert not report.harmless
    assert "constraint-changed maximum" in str(report.findings[0])


def test_schema_of_no_event_and_line_that_is_none_are_refused(lines: list[str]) -> None:
    with pytest.raises(ContractError, match=r"\$id"):
        shadow({"$id": "urn:x"}, lines)
    with pytest.raises(ContractError, match="line 2"):
        shadow(proposed(), [lines[0], "Camille"])


def test_command_prints_the_report(lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.jsonl").write_text("\n".join(lines), "utf-8")
    for schema, code in ((proposed(), 0), (proposed(declined_by={"type": "integer"}), 1)):
        (tmp_path / "schema.json").write_text(json.dumps(schema), "utf-8")
        assert main(["shadow", str(tmp_path / "schema.json"), str(tmp_path / "events.jsonl")]) == code

    said = capsys.readouterr().out
    assert f"{len(lines) - 2} events, 0 would be refused" in said
    assert "declined_by: type: " in said
    assert "declined_by: type-changed string -> integer [breaking]" in said
    assert main(["shadow", str(tmp_path / "absent.json"), str(tmp_path / "events.jsonl")]) == 1
