"""Which types a reader asked for, and what HTTP says of those that end (RFC 9745 `Deprecation`, RFC 8594 `Sunset`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Annotated

from pydantic import Field

from chassis.problems import Problem
from chassis.sentences import Said
from maillage_contracts import PARTNER_TOPIC
from maillage_contracts.catalogue import Entry, catalogue
from maillage_contracts.topics import PREFIX

KNOWN: Sequence[str] = (*PARTNER_TOPIC.types, *PARTNER_TOPIC.relayed_types)

TypeNames = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=50)]
"""Types as a body lists them; none at all would be silence, which is said by leaving."""


def chosen_types(text: str | None) -> tuple[str, ...] | None:
    """Return the types named, by commas: whole, without our prefix, or a family (`referrals.referral.*`); None for all.

    One that no stream ever holds is refused: a misspelt name would be silence for ever.
    """
    if not text:
        return None
    found: dict[str, None] = {}
    for name in text.split(","):
        whole = PREFIX + name.strip().removeprefix(PREFIX)
        matching = [one for one in KNOWN if one == whole or (whole.endswith(".*") and one.startswith(whole[:-1]))]
        if not matching:
            raise Problem(
                422,
                "unknown_type",
                Said(
                    "Un des types demandés n’existe sur aucun flux. Voyez le catalogue des événements.",
                    "One of the types asked for exists on no stream. See the catalogue of events.",
                ),
            )
        found |= dict.fromkeys(matching)
    return tuple(found)


def listed_types(names: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the types that a body lists, in one order; None for all of them, however that is said."""
    found = chosen_types(",".join(names) if names else None)
    return None if found is None or set(found) == set(KNOWN) else tuple(sorted(found))


def deprecation_headers(types: Iterable[str], entries: Mapping[str, Entry] | None = None) -> dict[str, str]:
    """Return the headers that say when the first of these types began to end and when it ends; none where none does.

    The types are looked at only while some type ends.
    """
    entries = catalogue() if entries is None else entries
    all_ending = {name: entry.deprecation for name, entry in entries.items() if entry.deprecation is not None}
    if not all_ending:
        return {}
    ending = [all_ending[name] for name in set(types) if name in all_ending]
    if not ending:
        return {}
    since, sunset = min(one.since for one in ending), min(one.sunset for one in ending)
    return {
        "deprecation": f"@{int(_midnight(since).timestamp())}",
        "sunset": format_datetime(_midnight(sunset), usegmt=True),
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
