"""Every event, read by the versions beside its own: what N+1 adds is passed over, what N-1 lacked is absent."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage_contracts import decode_value

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/*.json"))
SCHEMAS = Path(__file__).parents[2] / "schemas"
PREFIX = "fr.maillage."


def type_and_example(path: Path) -> tuple[str, dict[str, Any]]:
    document = json.loads(path.read_text("utf-8"))
    return PREFIX + path.parent.name, document["data"] if path.name.endswith(".cloudevent.json") else document


def with_additions(value: Any) -> Any:
    """Return what a producer of the next version would write: a field more in every block."""
    if isinstance(value, dict):
        return {**{name: with_additions(member) for name, member in value.items()}, "added_by_the_next": {"x": [1]}}
    return [with_additions(member) for member in value] if isinstance(value, list) else value


def optional_paths(
    schema: dict[str, Any], value: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the paths, in an example, of fields that some reader's version may not have known."""
    root = schema
    stack: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = [(schema, value, ())]
    while stack:
        node, found, at = stack.pop()
        node = root["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        for name, member in found.items():
            declared = node.get("properties", {}).get(name, {})
            if name not in node.get("required", ()):
                yield (*at, name)
            elif isinstance(member, dict) and ("$ref" in declared or "properties" in declared):
                stack.append((declared, member, (*at, name)))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_example_is_read_the_same_with_fields_of_the_next_version(path: Path) -> None:
    ce_type, example = type_and_example(path)

    before = decode_value(ce_type, json.dumps(example).encode())
    after = decode_value(ce_type, json.dumps(with_additions(example)).encode())

    assert after == before


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_example_is_read_without_each_field_that_an_earlier_version_may_lack(path: Path) -> None:
    ce_type, example = type_and_example(path)
    schema = json.loads((SCHEMAS / f"{path.parent.name}.schema.json").read_text("utf-8"))
    whole = decode_value(ce_type, json.dumps(example).encode())

    for at in optional_paths(schema, example):
        older = copy.deepcopy(example)
        holder = older
        for name in at[:-1]:
            holder = holder[name]
        del holder[at[-1]]
        read = decode_value(ce_type, json.dumps(older).encode())
        assert read.model_dump(exclude={at[0]}) == whole.model_dump(exclude={at[0]}), at


def test_there_are_examples_with_optional_fields() -> None:
    found = 0
    for path in EXAMPLES:
        _, example = type_and_example(path)
        schema = json.loads((SCHEMAS / f"{path.parent.name}.schema.json").read_text("utf-8"))
        found += len(list(optional_paths(schema, example)))
    assert found > 20
