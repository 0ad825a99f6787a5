"""The committed schemas and examples are current, all used, and agree with one another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from maillage_contracts import MODELS, decode, decode_value, schema_for
from maillage_contracts.__main__ import main
from maillage_contracts.registry import stem_of

Tool = Callable[[str], ModuleType]
STEMS = {stem_of(ce_type): ce_type for ce_type in MODELS}
STRUCTURED = {"content-type": "application/cloudevents+json"}


def is_structured(path: Path) -> bool:
    return path.name.endswith(".cloudevent.json")


def test_schemas_in_the_tree_are_current(tool: Tool, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool("export").main(["--check"]) == 0, capsys.readouterr().out


def test_schemas_in_the_tree_are_inside_the_subset_and_compatible(
    tool: Tool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool("compat").main([]) == 0, capsys.readouterr().out


def test_released_examples_are_unchanged(tool: Tool, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool("release").main(["--check"]) == 0, capsys.readouterr().out


def test_every_file_belongs_to_an_event(root: Path, example_files: list[Path]) -> None:
    assert {path.parent.name for path in example_files} == set(STEMS)
    assert {path.name.removesuffix(".schema.json") for path in (root / "schemas").glob("*.json")} == set(STEMS)
    strays = [path for path in (root / "examples").rglob("*") if path.is_file() and path not in example_files]
    assert strays == []


def test_every_example_decodes_and_validates_against_its_schema(root: Path, example_files: list[Path]) -> None:
    for path in example_files:
        stem, raw = path.parent.name, path.read_bytes()
        schema = json.loads((root / "schemas" / f"{stem}.schema.json").read_bytes())
        Draft202012Validator.check_schema(schema)
        document = json.loads(raw)
        event = decode(STRUCTURED, raw).event if is_structured(path) else decode_value(STEMS[stem], raw)

        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        validator.validate(document["data"] if is_structured(path) else document)
        assert type(event) is MODELS[STEMS[stem]]


def test_structured_examples_are_whole_cloudevents_of_their_folder(example_files: list[Path]) -> None:
    structured = [path for path in example_files if is_structured(path)]

    assert structured
    for path in structured:
        document = json.loads(path.read_bytes())
        assert document["type"] == STEMS[path.parent.name]
        assert document["dataschema"] == schema_for(document["type"])["$id"]
        assert UUID(document["id"]).version == 7


def test_an_example_comes_from_a_later_version(example_files: list[Path]) -> None:
    later = [path for path in example_files if path.stem == "from_a_later_version"]

    assert later
    for path in later:
        model = MODELS[STEMS[path.parent.name]]
        document = json.loads(path.read_bytes())
        assert document.keys() - model.model_fields.keys()
        kept = model.model_validate_json(path.read_bytes()).model_dump()
        assert kept.keys() == model.model_fields.keys()


def test_export_check_fails_when_a_schema_is_stale_missing_or_of_no_model(
    tool: Tool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export, folder = tool("export"), ["--folder", str(tmp_path)]
    assert export.main(folder) == 0
    assert export.main(["--check", *folder]) == 0
    (tmp_path / "referrals.referral.lost.v1.schema.json").write_text("{}")
    (tmp_path / "referrals.referral.accepted.v1.schema.json").write_text("{}")
    (tmp_path / "registration.person.erased.v1.schema.json").unlink()
    capsys.readouterr()

    assert export.main(["--check", *folder]) == 1
    assert capsys.readouterr().out.splitlines()[:3] == [
        "stale: referrals.referral.accepted.v1.schema.json",
        "stale: referrals.referral.lost.v1.schema.json",
        "stale: registration.person.erased.v1.schema.json",
    ]
    assert export.main(folder) == 0
    assert export.main(["--check", *folder]) == 0


def test_reader_of_the_last_release_accepts_every_example_of_today(root: Path, example_files: list[Path]) -> None:
    for path in example_files:
        released = root / "released" / "schemas" / f"{path.parent.name}.schema.json"
        if not released.exists():
            continue  # a type that came later: such a reader passes it over
        document = json.loads(path.read_bytes())
        Draft202012Validator(json.loads(released.read_bytes())).validate(
            document["data"] if is_structured(path) else document
        )


def test_something_is_released(root: Path) -> None:
    noted = (root / "released" / "examples.sha256").read_text("utf-8").splitlines()

    assert len(noted) >= len(list((root / "released" / "schemas").glob("*.json"))) > 50


def test_release_freezes_schemas_and_examples(
    tool: Tool, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = tool("release")
    for name in ("schemas", "examples"):
        shutil.copytree(root / name, tmp_path / name)
    example = tmp_path / "examples" / "registration.person.erased.v1" / "typical.json"
    assert release.main(["--root", str(tmp_path)]) == 0
    (example.parent / "another.json").write_text("{}")
    assert release.main(["--check", "--root", str(tmp_path)]) == 0

    example.write_text(example.read_text() + "\n")

    assert release.main(["--check", "--root", str(tmp_path)]) == 1
    assert "registration.person.erased.v1/typical.json" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="released examples changed"):
        release.main(["--root", str(tmp_path)])
    assert len(list((tmp_path / "released" / "schemas").glob("*.json"))) == len(MODELS)


def test_command_decodes_every_example(example_files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", *map(str, example_files)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(example_files)


def test_command_says_where_a_file_is_wrong_and_not_what_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"aggregate_version": "Camille Exemple"}')

    assert main(["decode", "--type", "fr.maillage.registration.person.erased.v1", str(wrong)]) == 1
    assert main(["decode", str(tmp_path / "absent.json")]) == 1

    said = capsys.readouterr().out
    assert "value.aggregate_version: int_type" in said
    assert "value.subject_ref: missing" in said
    assert "Camille" not in said


def test_command_lists_types_and_prints_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == list(MODELS)
    assert main(["schema", "fr.maillage.registration.person.erased.v1"]) == 0
    assert json.loads(capsys.readouterr().out) == schema_for("fr.maillage.registration.person.erased.v1")
    assert main(["schema", "fr.maillage.registration.person.erased.v9"]) == 1
    assert "unsupported major version" in capsys.readouterr().err
