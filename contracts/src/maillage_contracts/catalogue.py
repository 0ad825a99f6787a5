"""The catalogue of events for whoever reads it: meaning, when, example, what changed, and the day one ends.

French comes from `catalogue.toml`, English from each model's docstring, the example from `examples.json`, which
`tools/export.py` writes. Every type of the registry has an entry; one without a French text shows its English one,
and a test refuses that.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from maillage_contracts.registry import MODELS, RegistryError, model_for, stem_of, topic_for
from maillage_contracts.topics import PARTNER_TOPIC

FIRST_VERSION, FIRST_DATE = "0.1.0", date(2026, 11, 28)
"""The release that published every type whose first change is not written down."""


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence in both languages."""

    fr: str
    en: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a release changed of one event."""

    version: str
    date: date
    what: Text


@dataclass(frozen=True, slots=True)
class Deprecation:
    """An event that ends: nothing changes before `sunset`, from which day it may no longer be emitted."""

    since: date
    sunset: date
    replaced_by: str | None
    """The type to read instead, where there is one."""
    why: Text


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the catalogue."""

    ce_type: str
    title: Text
    meaning: Text
    when: Text
    topic: str
    on_partner_streams: bool
    """Whether an organisation's own stream may hold it."""
    example: Mapping[str, Any]
    changes: tuple[Change, ...]
    """Newest first, ending with its first publication."""
    deprecation: Deprecation | None

    @property
    def stem(self) -> str:
        """The type without our prefix: what pages and files call it."""
        return stem_of(self.ce_type)


def entries_of(written: Mapping[str, Any], examples: Mapping[str, Any]) -> dict[str, Entry]:
    """Return an entry for every type of the registry, by type."""
    stems = {stem_of(ce_type): ce_type for ce_type in MODELS}
    return {ce_type: _entry(ce_type, written.get(stem, {}), examples.get(stem, {})) for stem, ce_type in stems.items()}


def differences(written: Mapping[str, Any], examples: Mapping[str, Any]) -> list[str]:
    """Return the names that are not in all of the registry, the French texts and the examples."""
    stems = {stem_of(ce_type) for ce_type in MODELS}
    return sorted(stems ^ written.keys() | stems ^ examples.keys())


def _entry(ce_type: str, written: Mapping[str, Any], example: Mapping[str, Any]) -> Entry:
    model = model_for(ce_type)
    meaning, _, when = inspect.cleandoc(model.__doc__ or "").partition("\n\n")
    first = Change(FIRST_VERSION, FIRST_DATE, Text("Première publication.", "First publication."))
    changes = [Change(c["version"], c["date"], Text(c["fr"], c["en"])) for c in written.get("changes", ())]
    title = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__).capitalize()
    english = {"title": title, "meaning": _one_line(meaning), "when": _one_line(when)}
    texts = {name: Text(written.get(name, text), text) for name, text in english.items()}
    return Entry(
        ce_type=ce_type,
        **texts,
        topic=topic_for(model).name,
        on_partner_streams=ce_type in (*PARTNER_TOPIC.types, *PARTNER_TOPIC.relayed_types),
        example=example,
        changes=(*changes, first),
        deprecation=_deprecation(written.get("deprecated")),
    )


def _deprecation(written: Mapping[str, Any] | None) -> Deprecation | None:
    if written is None:
        return None
    found = Deprecation(
        since=written["since"],
        sunset=written["sunset"],
        replaced_by=written.get("replaced_by"),
        why=Text(written["fr"], written["en"]),
    )
    if found.sunset <= found.since:
        raise RegistryError("an event ends after the day that announces it")
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())


@cache
def catalogue() -> Mapping[str, Entry]:
    """Return the catalogue, by type, in the order of the topic table."""
    return MappingProxyType(entries_of(*sources()))


def sources() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the French texts and the examples, by name, as the package has them."""
    folder = files("maillage_contracts")
    return (
        tomllib.loads(folder.joinpath("catalogue.toml").read_text("utf-8")),
        json.loads(folder.joinpath("examples.json").read_text("utf-8")),
    )
