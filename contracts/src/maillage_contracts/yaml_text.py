"""JSON values as block YAML, for one generated document: no reader of YAML is needed to write it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""Keys that YAML 1.1 reads as something else than text."""


def as_yaml(node: Any) -> str:
    """Return JSON values as block YAML: scalars and keys are written as JSON, which every YAML reader knows."""
    return "\n".join(_lines(node, 0)) + "\n"


def _lines(node: Any, depth: int) -> Iterator[str]:
    pad = "  " * depth
    pairs = node.items() if isinstance(node, dict) else [(None, child) for child in node]
    for name, child in pairs:
        head = "-" if name is None else f"{_key(name)}:"
        if isinstance(child, dict | list) and child:
            yield pad + head
            yield from _lines(child, depth + 1)
        else:
            yield f"{pad}{head} {json.dumps(child, ensure_ascii=False)}"


def _key(name: str) -> str:
    plain = name.isascii() and name[:1].isalpha() and name.replace("_", "").replace("-", "").replace(".", "").isalnum()
    return (
        name
        if plain and name not in {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
        else json.dumps(name)
    )
