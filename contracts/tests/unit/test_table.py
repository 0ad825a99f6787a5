"""Topics and attributes: what the gate lets through, what it names, and that no member of them goes unguarded."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage_contracts import MODELS, schema_for
from maillage_contracts.compat import check
from maillage_contracts.envelope import attributes_of
from maillage_contracts.headers import ATTRIBUTES
from maillage_contracts.table import breaks, table

Change = Callable[[dict[str, Any]], object]
TOPIC = "referrals-referral-v1"
PARTNER = "partner-<code>-v1"
ACCEPTED = "fr.maillage.referrals.referral.accepted.v1"


def renamed(document: dict[str, Any]) -> None:
    document["topics"]["referrals-v1"] = document["topics"].pop(TOPIC)


ALLOWED: dict[str, Change] = {
    "nothing": lambda document: None,
    "topic": lambda document: document["topics"].update({"x-v1": document["topics"][TOPIC] | {"types": []}}),
    "type": lambda document: document["topics"][TOPIC]["types"].append("fr.maillage.a.b.c.v1"),
    "retention lengthened": lambda document: document["topics"][TOPIC].update(retention_days=None),
    "optional attribute": lambda document: document["attributes"].update(tenant=False),
}
FORBIDDEN: dict[str, tuple[Change, str]] = {
    "topic removed": (
        lambda document: document["topics"].pop("notifications-notice-v1"),
        "topic notifications-notice-v1: topic-removed [breaking]",
    ),
    "topic renamed": (renamed, f"topic {TOPIC}: topic-renamed referrals-v1 [breaking]"),
    "key": (
        lambda document: document["topics"][TOPIC].update(key="subject_ref"),
        f"topic {TOPIC}: key-changed referral_id -> subject_ref [breaking]",
    ),
    "partitions": (
        lambda document: document["topics"][PARTNER].update(partitions=3),
        f"topic {PARTNER}: partitions-changed 1 -> 3 [breaking]",
    ),
    "retention": (
        lambda document: document["topics"][PARTNER].update(retention_days=7),
        f"topic {PARTNER}: retention-shortened 35 -> 7 [breaking]",
    ),
    "type removed": (
        lambda document: document["topics"][TOPIC]["types"].remove(ACCEPTED),
        f"topic {TOPIC}: type-removed {ACCEPTED} [breaking]",
    ),
    "relayed type removed": (
        lambda document: document["topics"][PARTNER]["relayed_types"].remove(ACCEPTED),
        f"topic {PARTNER}: relayed-type-removed {ACCEPTED} [breaking]",
    ),
    "attribute removed": (
        lambda document: document["attributes"].pop("causationid"),
        "attribute causationid: attribute-removed [breaking]",
    ),
    "attribute made optional": (
        lambda document: document["attributes"].update(subject=False),
        "attribute subject: made-optional [breaking]",
    ),
    "required attribute": (
        lambda document: document["attributes"].update(tenant=True),
        "attribute tenant: added-attribute-not-optional [breaking]",
    ),
    "unknown member": (
        lambda document: document["topics"][TOPIC].update(compacted=True),
        "topics: not-a-topic-table [unknown]",
    ),
    "unknown part": (lambda document: document.update(queues={}), "topics: not-a-topic-table [unknown]"),
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED.keys())
def test_harmless_change_passes(change: Change) -> None:
    new = table()
    change(new)

    assert breaks(table(), new) == []


@pytest.mark.parametrize(("change", "said"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_other_change_fails_naming_topic_and_rule(change: Change, said: str) -> None:
    new = table()
    change(new)

    assert [str(finding) for finding in breaks(table(), new)] == [said]


@pytest.mark.parametrize("document", [None, [], {}, {"topics": {}}, {"topics": [], "attributes": {}}])
def test_document_that_is_no_table_is_unknown(document: object) -> None:
    assert [finding.verdict for finding in breaks(document, table())] == ["unknown"]


def test_attributes_are_those_the_envelope_writes(published: st.SearchStrategy[Any]) -> None:
    names = [attribute.name for attribute in ATTRIBUTES]

    @settings(max_examples=20)
    @given(published)
    def written(pair: Any) -> None:
        found = [name for name, _ in attributes_of(pair[1])]
        assert found == [name for name in names if name in found]
        assert {attribute.name for attribute in ATTRIBUTES if attribute.required} <= set(found)

    written()


def _places(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every member of a JSON document."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, child in pairs for found in ((*path, key), *_places(child, (*path, key)))]


@settings(max_examples=50)
@given(st.sampled_from(list(MODELS)), st.data())
def test_whatever_is_taken_out_of_a_schema_is_found(ce_type: str, data: st.DataObject) -> None:
    old = schema_for(ce_type)
    *parents, last = data.draw(st.sampled_from([place for place in _places(old) if not _annotation(place)]))
    new = copy.deepcopy(old)
    node = new
    for key in parents:
        node = node[key]
    del node[last]

    assert check(old, new), (parents, last)


def _annotation(place: tuple[Any, ...]) -> bool:
    """Say whether the place is inside an annotation, and not in a field so named; a default of null says nothing."""
    named = [key for at, key in enumerate(place) if at == 0 or place[at - 1] not in {"properties", "$defs"}]
    return bool({"description", "examples", "title", "default"} & set(map(str, named)))


@settings(max_examples=30)
@given(st.sampled_from(list(MODELS)), st.from_regex(r"[a-z]{3,12}_new", fullmatch=True), st.booleans())
def test_added_field_passes_only_when_a_reader_may_not_see_it(ce_type: str, name: str, optional: bool) -> None:
    old = schema_for(ce_type)
    new = json.loads(json.dumps(old))
    new["properties"][name] = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    if not optional:
        new["required"].append(name)

    assert [str(finding) for finding in check(old, new)] == (
        [] if optional else [f"{name}: added-field-not-optional [breaking]"]
    )
    assert bool(check(new, old))
