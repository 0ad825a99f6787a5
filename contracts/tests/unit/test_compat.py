"""The gate lets through what is harmless and names the field and the rule of everything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from maillage_contracts import MODELS, schema_for
from maillage_contracts.compat import check
from maillage_contracts.table import table

Schema = dict[str, Any]
Tool = Callable[[str], ModuleType]
DECLINED = "fr.maillage.referrals.referral.declined.v1"
OPTIONAL_TEXT: Schema = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def put(path: str, value: object) -> Callable[[Schema], None]:
    """Return a change that sets the member at a path such as `properties/reasons/minItems`."""

    def change(schema: Schema) -> None:
        *parents, last = path.split("/")
        for name in parents:
            schema = schema[name]
        schema[last] = value

    return change


def drop(path: str) -> Callable[[Schema], None]:
    """Return a change that removes the member at a path."""

    def change(schema: Schema) -> None:
        *parents, last = path.split("/")
        for name in parents:
            schema = schema[name]
        del schema[last]

    return change


def both(*changes: Callable[[Schema], None]) -> Callable[[Schema], None]:
    def change(schema: Schema) -> None:
        for one in changes:
            one(schema)

    return change


def required_without(name: str) -> Callable[[Schema], None]:
    return lambda schema: schema["required"].remove(name)


def required_with(name: str) -> Callable[[Schema], None]:
    return lambda schema: schema["required"].append(name)


def findings(change: Callable[[Schema], None], before: Callable[[Schema], None] | None = None) -> list[str]:
    old = schema_for(DECLINED)
    if before is not None:
        before(old)
    new = copy.deepcopy(old)
    change(new)
    return [str(finding) for finding in check(old, new)]


ALLOWED = {
    "nothing": both(),
    "description": put("properties/reasons/description", "Why, in other words."),
    "title and examples": both(put("title", "X"), put("properties/declined_by/examples", ["person"])),
    "optional field": put("properties/zone", OPTIONAL_TEXT),
    "optional field in a block": put("$defs/Routing/properties/zone", OPTIONAL_TEXT),
    "optional block": both(
        put("$defs/Place", {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}),
        put("properties/place", {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}], "default": None}),
    ),
    "block renamed": both(
        lambda schema: schema["$defs"].update(Route=schema["$defs"].pop("Routing")),
        put("properties/routing/$ref", "#/$defs/Route"),
    ),
}

FORBIDDEN = {
    "field removed": (
        both(drop("properties/reasons"), required_without("reasons")),
        "reasons: field-removed [breaking]",
    ),
    "field of a block removed": (
        both(drop("$defs/Routing/properties/commune"), lambda schema: schema["$defs"]["Routing"]["required"].pop(0)),
        "routing.commune: field-removed [breaking]",
    ),
    "required field added": (
        both(put("properties/zone", {"type": "string"}), required_with("zone")),
        "zone: added-field-not-optional [breaking]",
    ),
    "required nullable field added": (
        both(put("properties/zone", {"anyOf": OPTIONAL_TEXT["anyOf"]}), required_with("zone")),
        "zone: added-field-not-optional [breaking]",
    ),
    "field that may be absent and not null": (
        put("properties/zone", {"type": "string"}),
        "zone: added-field-not-optional [breaking]",
    ),
    "required made optional": (required_without("declined_by"), "declined_by: made-optional [breaking]"),
    "type changed": (
        put("properties/shareable_with_person", {"type": "string"}),
        "shareable_with_person: type-changed boolean -> string [breaking]",
    ),
    "type of items changed": (
        put("properties/reasons/items", {"type": "integer"}),
        "reasons[]: type-changed string -> integer [breaking]",
    ),
    "null added": (
        put("properties/declined_by", {"anyOf": [schema_for(DECLINED)["properties"]["declined_by"], {"type": "null"}]}),
        "declined_by: null-added [breaking]",
    ),
    "pattern widened": (put("properties/declined_by/pattern", "^.*$"), "declined_by: constraint-changed pattern"),
    "pattern removed": (drop("properties/declined_by/pattern"), "declined_by: constraint-changed pattern"),
    "pattern of items": (put("properties/reasons/items/pattern", "^x$"), "reasons[]: constraint-changed pattern"),
    "format removed": (drop("properties/referral_id/format"), "referral_id: constraint-changed format"),
    "bound tightened": (
        put("properties/aggregate_version/minimum", 2),
        "aggregate_version: constraint-changed minimum",
    ),
    "bound loosened": (drop("properties/aggregate_version/maximum"), "aggregate_version: constraint-changed maximum"),
    "length added": (put("properties/declined_by/maxLength", 9), "declined_by: constraint-changed maxLength"),
    "items bound": (put("properties/reasons/maxItems", 9), "reasons: constraint-changed maxItems [breaking]"),
    "set closed": (put("properties/declined_by/enum", ["provider"]), "declined_by: enum-added [breaking]"),
    "identifier changed": (put("$id", "urn:maillage:schema:other.v1"), "(event): id-changed [breaking]"),
}

UNKNOWN = {
    "enumeration of anything": (put("properties/declined_by/enum", ["a", 1]), "declined_by: keyword enum [unknown]"),
    "enumeration that repeats": (put("properties/declined_by/enum", ["a", "a"]), "declined_by: keyword enum [unknown]"),
    "constant": (put("properties/declined_by/const", "provider"), "declined_by: keyword const [unknown]"),
    "closed object": (put("additionalProperties", False), "(event): keyword additionalProperties [unknown]"),
    "closed block": (put("$defs/Routing/additionalProperties", False), "routing: keyword additionalProperties"),
    "keyword of tomorrow": (put("properties/reasons/uniqueItems", True), "reasons: keyword uniqueItems [unknown]"),
    "union": (
        put("properties/declined_by", {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        "declined_by: keyword anyOf [unknown]",
    ),
    "several types": (put("properties/declined_by/type", ["string", "null"]), "declined_by: type [unknown]"),
    "float": (put("properties/aggregate_version/type", "number"), "aggregate_version: type [unknown]"),
    "no type": (drop("properties/declined_by/type"), "declined_by: type [unknown]"),
    "default that is a value": (put("properties/declined_by/default", "provider"), "declined_by: default [unknown]"),
    "items missing": (drop("properties/reasons/items"), "reasons[]: not-an-object-schema [unknown]"),
    "boolean schema": (put("properties/reasons/items", True), "reasons[]: not-an-object-schema [unknown]"),
    "reference elsewhere": (put("properties/routing/$ref", "https://example.org/x"), "routing: keyword $ref [unknown]"),
    "reference to nothing": (put("properties/routing/$ref", "#/$defs/Gone"), "routing: reference to nothing [unknown]"),
    "reference beside a keyword": (put("properties/routing/type", "object"), "routing: keyword $ref [unknown]"),
    "required field that does not exist": (required_with("zone"), "(event): properties [unknown]"),
    "required that is not a list": (put("required", 3), "(event): properties [unknown]"),
    "definitions that are not an object": (put("$defs", []), "(event): keyword $defs [unknown]"),
    "other dialect": (put("$schema", "http://json-schema.org/draft-07/schema#"), "(event): dialect [unknown]"),
    "root that is not an object": (put("type", "string"), "(event): keyword properties [unknown]"),
    "self reference": (
        put("$defs/Routing/properties/next", {"$ref": "#/$defs/Routing"}),
        "next.next.commune: nested-too-deep [unknown]",
    ),
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED.keys())
def test_harmless_change_passes(change: Callable[[Schema], None]) -> None:
    assert findings(change) == []


@pytest.mark.parametrize(("change", "said"), [*FORBIDDEN.values(), *UNKNOWN.values()], ids=[*FORBIDDEN, *UNKNOWN])
def test_other_change_fails_naming_field_and_rule(change: Callable[[Schema], None], said: str) -> None:
    found = findings(change)

    assert len(found) == 1
    assert said in found[0]


def test_optional_made_required_fails() -> None:
    found = findings(required_with("zone"), before=put("properties/zone", OPTIONAL_TEXT))

    assert found == ["zone: made-required [breaking]"]


def test_null_removed_fails() -> None:
    found = findings(put("properties/zone", {"type": "string"}), before=put("properties/zone", OPTIONAL_TEXT))

    assert found == ["zone: null-removed [breaking]"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["person"], "declined_by: enum-value-removed provider [breaking]"),
        (["person", "provider", "nobody"], "declined_by: enum-value-added nobody [breaking]"),
        (None, "declined_by: enum-removed [breaking]"),
    ],
)
def test_closed_set_fails_when_a_value_comes_or_goes(values: list[str] | None, said: str) -> None:
    change = drop("properties/declined_by/enum") if values is None else put("properties/declined_by/enum", values)

    assert findings(change, before=put("properties/declined_by/enum", ["person", "provider"])) == [said]


def test_closed_set_passes_when_only_its_order_changes() -> None:
    before = put("properties/declined_by/enum", ["person", "provider"])

    assert findings(put("properties/declined_by/enum", ["provider", "person"]), before=before) == []


@pytest.mark.parametrize("document", [None, [], True, "schema", {}, {"$schema": "x"}])
def test_document_that_is_no_schema_is_unknown(document: object) -> None:
    for old, new in ((document, schema_for(DECLINED)), (schema_for(DECLINED), document)):
        assert [finding.verdict for finding in check(old, new)] == ["unknown"]


@pytest.mark.parametrize("ce_type", MODELS)
def test_every_field_of_every_event_is_guarded(ce_type: str) -> None:
    schema = schema_for(ce_type)
    for name in schema["properties"]:
        shorter = copy.deepcopy(schema)
        del shorter["properties"][name]
        shorter["required"] = [required for required in schema["required"] if required != name]

        assert [str(found) for found in check(schema, shorter)] == [f"{name}: field-removed [breaking]"]


def test_folders_are_compared_file_by_file(tool: Tool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released, current = tmp_path / "released" / "schemas", tmp_path
    released.mkdir(parents=True)
    (tmp_path / "released" / "topics.json").write_text(json.dumps(table()))
    for folder, name, change in (
        (released, "kept", both()),
        (current, "kept", put("properties/zone", OPTIONAL_TEXT)),
        (released, "broken", both()),
        (current, "broken", required_without("reasons")),
        (released, "removed", both()),
        (current, "added", both()),
        (current, "added_outside_the_subset", put("properties/declined_by/enum", ["person"])),
    ):
        schema = schema_for(DECLINED)
        change(schema)
        (folder / f"{name}.v1.schema.json").write_text(json.dumps(schema))
    (released / "unreadable.v1.schema.json").write_text("{")
    (current / "unreadable.v1.schema.json").write_text("{")

    assert tool("compat").main(["--released", str(released.parent), "--current", str(current)]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "added_outside_the_subset.v1.schema.json: declined_by: enum-in-a-new-schema [breaking]",
        "broken.v1.schema.json: reasons: made-optional [breaking]",
        "removed.v1.schema.json: (event): schema-removed [breaking]",
        "unreadable.v1.schema.json: (event): not-an-object-schema [unknown]",
    ]


def test_release_without_its_topics_fails(tool: Tool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "released").mkdir()

    assert tool("compat").main(["--released", str(tmp_path / "released"), "--current", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "topics.json: topics: not-a-topic-table [unknown]\n"


def test_nothing_released_is_said_and_passes(tool: Tool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "declined.v1.schema.json").write_text(json.dumps(schema_for(DECLINED)))

    assert tool("compat").main(["--released", str(tmp_path / "released"), "--current", str(tmp_path)]) == 0
    assert "Nothing released yet" in capsys.readouterr().out
