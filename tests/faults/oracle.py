"""What must be true when a trial is over, computed from what the database, the topic and the callers say.

I1 every command that was acknowledged, or is in the database, has its event in the topic; I2 one effect for each event;
I3 first occurrences in order under their key, in the topic and in the effects; I4 nothing in the topic that was not
committed; I5 every record is an effect or a dead letter; I6 all of that within the bound, with nobody's help.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Said:
    """One event, wherever it was seen: its id, its key and its place in the key's order."""

    event_id: UUID
    subject: UUID
    version: int


@dataclass
class Facts:
    """What was found at the end of a trial."""

    acknowledged: set[UUID]
    """Events whose caller was told that they are committed."""
    committed: Sequence[Said]
    """Events of the committed commands."""
    sent: Sequence[Said]
    """The topic, each partition in its order, repeats included."""
    effects: Sequence[Said] | None
    """In the order of their commits; None where nobody consumes."""
    dead: set[UUID] = field(default_factory=set)
    extra_aggregates: int = 0
    """Aggregates made twice for one idempotency key."""
    strange: Sequence[str] = ()
    """Answers that no caller should ever get."""
    settled: bool = True
    repeats_allowed: bool = True
    """False where nothing was hurt: then each event is in the topic once."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured beside, for the report."""


@dataclass(frozen=True)
class Verdict:
    """What was violated, with the number of events or the words for it."""

    lost: int
    doubled: int
    out_of_order: int
    ghosts: int
    unexplained: int
    repeats: int
    events: int
    violations: dict[str, str]

    @property
    def broken(self) -> set[str]:
        """The invariants that did not hold."""
        return set(self.violations)


def judge(facts: Facts) -> Verdict:
    """Compare what was found with what must be."""
    committed = {one.event_id for one in facts.committed}
    sent = {one.event_id for one in facts.sent}
    lost = (facts.acknowledged - committed) | (committed - sent)
    ghosts = sent - committed
    repeats = len(facts.sent) - len(sent)
    doubled, disorder, unexplained = facts.extra_aggregates, swapped(facts.sent), 0
    if facts.effects is not None:
        doubled += sum(n - 1 for n in Counter(one.event_id for one in facts.effects).values())
        disorder += swapped(facts.effects)
        unexplained = len((sent & committed) - {one.event_id for one in facts.effects} - facts.dead)
    found: dict[str, Any] = {
        "I1": (lost and f"{len(lost)} committed events are not in the topic") or repeated_for_nothing(facts, repeats),
        "I2": doubled and f"{doubled} effects too many",
        "I3": disorder and f"{disorder} events before an earlier one of their key",
        "I4": ghosts and f"{len(ghosts)} events that nobody committed",
        "I5": unexplained and f"{unexplained} events with neither effect nor dead letter",
        "I6": not facts.settled and "not done within the bound",
        "answers": facts.strange and ", ".join(sorted(set(facts.strange))),
    }
    violations = {name: words for name, words in found.items() if words}
    return Verdict(
        len(lost), doubled, disorder, len(ghosts), unexplained, repeats, len(committed), violations
    )  # fmt: skip


def repeated_for_nothing(facts: Facts, repeats: int) -> str:
    """Say how many records repeat others where nothing excuses it."""
    return f"{repeats} records repeat others though nothing was hurt" if repeats and not facts.repeats_allowed else ""


def swapped(seen: Iterable[Said]) -> int:
    """Count first occurrences that come after a later one of their key."""
    known: set[UUID] = set()
    newest: dict[UUID, int] = defaultdict(int)
    count = 0
    for one in seen:
        if one.event_id in known:
            continue
        known.add(one.event_id)
        count += one.version < newest[one.subject]
        newest[one.subject] = max(newest[one.subject], one.version)
    return count
