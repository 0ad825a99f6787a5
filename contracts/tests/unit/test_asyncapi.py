"""The AsyncAPI document says what the models and the topic table say, and the official parser accepts it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from maillage_contracts import MODELS, PARTNER_TOPIC, TOPICS
from maillage_contracts.asyncapi import asyncapi
from maillage_contracts.envelope import attributes_of
from maillage_contracts.yaml_text import as_yaml

Node = Callable[..., str]


@pytest.fixture(scope="module")
def document(tool: Callable[[str], ModuleType]) -> dict[str, Any]:
    return asyncapi("0.1.0", tool("export").examples_by_stem())


def test_official_parser_accepts_the_committed_document(root: Path, node: Node, tmp_path: Path) -> None:
    path = root / "schemas" / "asyncapi.yaml"
    found = json.loads(node("parse_asyncapi.mjs", path))

    assert found["accepted"], found["problems"]
    # Informational: the parser recommends whatever version of AsyncAPI is the newest.
    assert [one for one in found["problems"] if one["code"] != "asyncapi-latest-version"] == []
    assert set(found["messages"]) == set(MODELS)
    assert len(found["channels"]) == len(TOPICS) + 3

    # The parser is one that refuses: the same document with a reference to nothing.
    broken = tmp_path / "broken.yaml"
    broken.write_text(path.read_text("utf-8").replace("#/components/schemas/Routing", "#/components/schemas/Gone"))
    assert json.loads(node("parse_asyncapi.mjs", broken))["accepted"] is False


def test_every_type_is_a_message_with_texts_in_both_languages_and_valid_examples(document: dict[str, Any]) -> None:
    components = document["components"]
    assert {message["name"] for message in components["messages"].values()} == set(MODELS)
    for stem, message in components["messages"].items():
        assert " · " in message["title"]
        assert message["description"].count("\n\n") == 1
        assert message["examples"]
        schema = {"$ref": f"#/components/schemas/{stem}", "components": components}
        for example in message["examples"]:
            Draft202012Validator(schema).validate(example["payload"])


def test_partner_channel_says_its_types_retention_and_key(document: dict[str, Any]) -> None:
    channel = document["channels"]["partner-code-v1"]

    assert channel["address"] == "partner-{code}-v1"
    assert len(channel["messages"]) == len(PARTNER_TOPIC.types) + len(PARTNER_TOPIC.relayed_types)
    assert channel["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == 35 * 86_400_000
    assert channel["bindings"]["kafka"]["partitions"] == 1


def test_headers_of_a_written_event_follow_the_trait(document: dict[str, Any], published: Any) -> None:
    schema = document["components"]["messageTraits"]["cloudevents"]["headers"]
    validator = Draft202012Validator(schema)

    @settings(max_examples=10)
    @given(published)
    def written(pair: Any) -> None:
        headers = {f"ce_{name}": text for name, text in attributes_of(pair[1])}
        validator.validate(headers)
        assert headers.keys() <= schema["properties"].keys()
        assert not validator.is_valid({name: text for name, text in headers.items() if name != "ce_id"})

    written()


def test_yaml_keeps_text_that_other_writers_lose() -> None:
    text = as_yaml({"on": "no", "a": {"b": [], "c": [{"d": 1, "e": None}, "é: #"]}, "1": {}})

    assert text.splitlines() == [
        '"on": "no"', "a:", "  b: []", "  c:", "    -", "      d: 1", "      e: null", '    - "é: #"', '"1": {}',
    ]  # fmt: skip
