"""Tell whether a schema can still be read by, and still reads, everything that an earlier version of it does.

Accepts a small closed subset of JSON Schema and fails closed: a keyword, a type or a shape it does not know
is `unknown`, which fails as `breaking` does. Within a major version it lets through two changes of a schema
only: an optional nullable field added, and annotations (title, description, examples). Every finding names
the field and the rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from maillage_contracts.schema import DIALECT

NESTING_MAX = 16
"""Levels of objects and arrays; a schema that refers to itself is refused by it."""

ANNOTATIONS = frozenset({"title", "description", "examples"})
ROOT_KEYWORDS = frozenset({"$schema", "$id", "$defs"})
CONSTRAINTS: dict[str, frozenset[str]] = {
    "string": frozenset({"format", "pattern", "minLength", "maxLength", "enum"}),
    "integer": frozenset({"minimum", "maximum"}),
    "boolean": frozenset(),
    "array": frozenset({"minItems", "maxItems"}),
    "object": frozenset(),
}
"""Any change of one of these breaks somebody: tighter, old events fail; looser, old readers do."""
STRUCTURE: dict[str, frozenset[str]] = {
    "array": frozenset({"items"}),
    "object": frozenset({"properties", "required"}),
}

Verdict = Literal["breaking", "unknown"]
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to refuse a change."""

    verdict: Verdict
    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field or '(event)'}: {self.rule} [{self.verdict}]"


class OutsideSubset(Exception):
    """A schema uses something that this gate cannot reason about."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(rule)
        self.finding = Finding("unknown", field, rule)


@dataclass(frozen=True, slots=True)
class Node:
    """A schema reduced to what the rules look at."""

    type: str
    nullable: bool
    constraints: Schema
    properties: dict[str, Node]
    required: frozenset[str]
    items: Node | None


def parse(document: object) -> Node:
    """Reduce a whole schema, or raise OutsideSubset naming the first thing that is not in the subset."""
    if not isinstance(document, dict):
        raise OutsideSubset("", "not-an-object-schema")
    if document.get("$schema") != DIALECT:
        raise OutsideSubset("", "dialect")
    definitions = document.get("$defs", {})
    if not isinstance(definitions, dict):
        raise OutsideSubset("", "keyword $defs")
    body = {name: value for name, value in document.items() if name not in ROOT_KEYWORDS}
    node = _node(body, definitions, "", 0)
    if node.type != "object" or node.nullable:
        raise OutsideSubset("", "root-is-not-an-object")
    return node


def _node(schema: object, definitions: Schema, field: str, depth: int) -> Node:
    if depth > NESTING_MAX:
        raise OutsideSubset(field, "nested-too-deep")
    if not isinstance(schema, dict):
        raise OutsideSubset(field, "not-an-object-schema")
    schema = {name: value for name, value in schema.items() if name not in ANNOTATIONS}
    # An optional field is the only one with a default, and that default is null.
    if "default" in schema and (schema.pop("default") is not None or "anyOf" not in schema):
        raise OutsideSubset(field, "default")
    if "$ref" in schema:
        return _node(_target(schema, definitions, field), definitions, field, depth + 1)
    if "anyOf" in schema:
        return _nullable(schema, definitions, field, depth)
    type_ = schema.pop("type", None)
    if not isinstance(type_, str) or type_ not in CONSTRAINTS:
        raise OutsideSubset(field, "type")
    if unknown := sorted(schema.keys() - CONSTRAINTS[type_] - STRUCTURE.get(type_, frozenset())):
        raise OutsideSubset(field, f"keyword {unknown[0]}")
    if "enum" in schema and not _is_a_set(schema["enum"]):
        raise OutsideSubset(field, "keyword enum")
    properties, required = _members(schema, definitions, field, depth) if type_ == "object" else ({}, frozenset())
    return Node(
        type=type_,
        nullable=False,
        constraints={name: schema[name] for name in CONSTRAINTS[type_] & schema.keys()},
        properties=properties,
        required=required,
        items=_node(schema.get("items"), definitions, f"{field}[]", depth + 1) if type_ == "array" else None,
    )


def _is_a_set(values: object) -> bool:
    """Say whether an enumeration is of distinct strings; in one order, so that order alone changes nothing."""
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        return False
    values.sort()
    return len(set(values)) == len(values)


def _target(schema: Schema, definitions: Schema, field: str) -> object:
    reference = schema["$ref"]
    prefix = "#/$defs/"
    if len(schema) != 1 or not isinstance(reference, str) or not reference.startswith(prefix):
        raise OutsideSubset(field, "keyword $ref")
    if reference.removeprefix(prefix) not in definitions:
        raise OutsideSubset(field, "reference to nothing")
    return definitions[reference.removeprefix(prefix)]


def _nullable(schema: Schema, definitions: Schema, field: str, depth: int) -> Node:
    branches = schema["anyOf"]
    if len(schema) != 1 or not isinstance(branches, list) or len(branches) != 2 or branches[1] != {"type": "null"}:
        raise OutsideSubset(field, "keyword anyOf")
    inner = _node(branches[0], definitions, field, depth + 1)
    if inner.nullable:
        raise OutsideSubset(field, "keyword anyOf")
    return Node(inner.type, True, inner.constraints, inner.properties, inner.required, inner.items)


def _members(schema: Schema, definitions: Schema, field: str, depth: int) -> tuple[dict[str, Node], frozenset[str]]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise OutsideSubset(field, "properties")
    if not all(isinstance(name, str) and name in properties for name in required):
        raise OutsideSubset(field, "properties")
    nodes = {name: _node(value, definitions, _join(field, name), depth + 1) for name, value in properties.items()}
    return nodes, frozenset(required)


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def compare(old: Node, new: Node, field: str = "") -> Iterator[Finding]:
    """Yield every difference that is not allowed within a major version."""
    if old.type != new.type:
        yield Finding("breaking", field, f"type-changed {old.type} -> {new.type}")
        return
    if old.nullable != new.nullable:
        yield Finding("breaking", field, "null-added" if new.nullable else "null-removed")
    for name in sorted(CONSTRAINTS[old.type]):
        was, now = old.constraints.get(name), new.constraints.get(name)
        if was != now:
            rule = f"constraint-changed {name}" if name != "enum" else _enumeration(was, now)
            yield Finding("breaking", field, rule)
    if old.items is not None and new.items is not None:
        yield from compare(old.items, new.items, f"{field}[]")
    yield from _compare_members(old, new, field)


def _enumeration(was: list[str] | None, now: list[str] | None) -> str:
    """Name what happened to a closed set: a writer's value lost, or one that a strict reader does not know."""
    if was is None or now is None:
        return "enum-removed" if now is None else "enum-added"
    if lost := [value for value in was if value not in now]:
        return f"enum-value-removed {', '.join(lost)}"
    return f"enum-value-added {', '.join(value for value in now if value not in was)}"


def _compare_members(old: Node, new: Node, field: str) -> Iterator[Finding]:
    for name in sorted(old.properties):
        path = _join(field, name)
        if name not in new.properties:
            yield Finding("breaking", path, "field-removed")
            continue
        if (name in old.required) != (name in new.required):
            yield Finding("breaking", path, "made-optional" if name in old.required else "made-required")
        yield from compare(old.properties[name], new.properties[name], path)
    for name in sorted(new.properties.keys() - old.properties.keys()):
        if name in new.required or not new.properties[name].nullable:
            yield Finding("breaking", _join(field, name), "added-field-not-optional")


def check(old: object, new: object) -> list[Finding]:
    """Compare two versions of one schema; an empty list means compatible."""
    nodes: list[Node] = []
    for document in (old, new):
        try:
            nodes.append(parse(document))
        except OutsideSubset as error:
            return [error.finding]
    findings = list(compare(nodes[0], nodes[1]))
    if isinstance(old, dict) and isinstance(new, dict) and old.get("$id") != new.get("$id"):
        findings.append(Finding("breaking", "", "id-changed"))
    return findings


def check_first(document: object) -> list[Finding]:
    """Say what keeps a schema that was never published from being: it must be one that this gate can compare later.

    A closed set is refused here: no value could be added to it within a major version (use a documented string).
    """
    try:
        node = parse(document)
    except OutsideSubset as error:
        return [error.finding]
    return [Finding("breaking", field, "enum-in-a-new-schema") for field in _closed_sets(node, "")]


def _closed_sets(node: Node, field: str) -> Iterator[str]:
    if "enum" in node.constraints:
        yield field
    if node.items is not None:
        yield from _closed_sets(node.items, f"{field}[]")
    for name, member in node.properties.items():
        yield from _closed_sets(member, _join(field, name))
