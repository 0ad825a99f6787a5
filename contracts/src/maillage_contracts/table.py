"""What a reader relies on beside the schemas, as one document: topics, keys, retention, the types on each, attributes.

`breaks` compares two of them, with the rules of a major version: topics, types and optional attributes are
added; nothing else changes. What it does not know is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from maillage_contracts.compat import Finding
from maillage_contracts.headers import ATTRIBUTES
from maillage_contracts.topics import PARTNER_TOPIC, TOPICS, Topic

Document = dict[str, Any]

_FIXED = ("key", "owner", "partitions", "message_bytes_max")
"""The order of a key's records depends on key and partitions; a reader's fetch size on the last."""
_TOPIC_MEMBERS = frozenset({*_FIXED, "retention_days", "types", "relayed_types"})


def table() -> Document:
    """Return the current document, made of JSON values."""
    return {
        "attributes": {attribute.name: attribute.required for attribute in ATTRIBUTES},
        "topics": {topic.name: _row(topic) for topic in (*TOPICS, PARTNER_TOPIC)},
    }


def _row(topic: Topic) -> Document:
    return {
        "key": topic.key,
        "owner": topic.owner,
        "partitions": topic.partitions,
        "retention_days": topic.retention_days,
        "message_bytes_max": topic.message_bytes_max,
        "types": list(topic.types),
        "relayed_types": list(topic.relayed_types),
    }


def breaks(old: object, new: object) -> list[Finding]:
    """Return what a reader of `old` would suffer from `new`; an empty list means nothing."""
    for document in (old, new):
        if not _known(document):
            return [Finding("unknown", "topics", "not-a-topic-table")]
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    return [*_attributes(old["attributes"], new["attributes"]), *_topics(old["topics"], new["topics"])]


def _known(document: object) -> bool:
    """Say whether the document has exactly the shape that the rules below look at: more would go unguarded."""
    if not isinstance(document, dict) or document.keys() != {"attributes", "topics"}:
        return False
    attributes, topics = document["attributes"], document["topics"]
    if not isinstance(attributes, dict) or not all(isinstance(required, bool) for required in attributes.values()):
        return False
    return isinstance(topics, dict) and all(
        isinstance(row, dict)
        and row.keys() == _TOPIC_MEMBERS
        and isinstance(row["types"], list)
        and isinstance(row["relayed_types"], list)
        and isinstance(row["retention_days"], int | None)
        for row in topics.values()
    )


def _attributes(old: dict[str, bool], new: dict[str, bool]) -> Iterator[Finding]:
    for name, required in old.items():
        field = f"attribute {name}"
        if name not in new:
            yield Finding("breaking", field, "attribute-removed")
        elif new[name] != required:
            yield Finding("breaking", field, "made-optional" if required else "made-required")
    for name in new.keys() - old.keys():
        if new[name]:
            yield Finding("breaking", f"attribute {name}", "added-attribute-not-optional")


def _topics(old: dict[str, Document], new: dict[str, Document]) -> Iterator[Finding]:
    for name, row in old.items():
        if name not in new:
            yield Finding("breaking", f"topic {name}", _gone(row, new))
            continue
        yield from _topic(f"topic {name}", row, new[name])


def _gone(row: Document, new: dict[str, Document]) -> str:
    heirs = [name for name, other in new.items() if set(other["types"]) & set(row["types"])]
    return f"topic-renamed {heirs[0]}" if heirs else "topic-removed"


def _topic(field: str, old: Document, new: Document) -> Iterator[Finding]:
    for member in _FIXED:
        if old[member] != new[member]:
            yield Finding("breaking", field, f"{member}-changed {old[member]} -> {new[member]}")
    if _days(new) < _days(old):
        yield Finding("breaking", field, f"retention-shortened {old['retention_days']} -> {new['retention_days']}")
    for member, rule in (("types", "type-removed"), ("relayed_types", "relayed-type-removed")):
        for ce_type in old[member]:
            if ce_type not in new[member]:
                yield Finding("breaking", field, f"{rule} {ce_type}")


def _days(row: Document) -> float:
    days = row["retention_days"]
    return float("inf") if days is None else float(days)
