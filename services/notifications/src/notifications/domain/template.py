"""The rules of one kind of notice, as its files declare them: which event, to whom, how, when, how often.

Everything here is data: a new notice is a folder of files, and no rule of ours knows a template by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from notifications.domain.courtesy import Courtesy
from notifications.domain.fact import ALONE, PERSON, Fact
from notifications.domain.texts import Text

LANGUAGES = ("fr", "en")
CHANNELS = ("email", "sms")


class Position(StrEnum):
    """Which notices of a thread a template is for."""

    ANY = "any"
    FIRST = "first"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Once:
    """What makes two notices the same: within a thread, nobody is told the last thing again.

    A thread is one recipient, one group of templates and the values of `per`; what is said is `fact` with the values
    of `fields`.
    """

    group: str
    fact: str
    per: tuple[str, ...] = ()
    """Fields; none means the event's aggregate."""
    fields: tuple[str, ...] = ()
    position: Position = Position.ANY

    def thread(self, fact: Fact, recipient: UUID) -> str:
        keys = [str(fact.fields[name]) for name in self.per] or [str(fact.aggregate_id)]
        return ":".join([str(recipient), self.group, *keys])

    def says(self, fact: Fact) -> str:
        return ":".join([self.fact, *(str(fact.fields.get(name)) for name in self.fields)])


@dataclass(frozen=True, slots=True)
class Send:
    """When a notice is due: at once, some time after its event, or on a day before a moment of the event."""

    after: timedelta = timedelta(0)
    days_before: int | None = None
    field: str = ""
    at: time = time(10)

    def due(self, fact: Fact, courtesy: Courtesy) -> datetime:
        if self.days_before is None:
            return fact.at + self.after
        return courtesy.days_before(fact.moment(self.field), self.days_before, self.at, fact.commune)


@dataclass(frozen=True, slots=True)
class NotAfter:
    """After which moment a notice is no longer worth sending: a moment of the event, or so long after it."""

    field: str = ""
    after: timedelta = timedelta(days=3)

    def of(self, fact: Fact) -> datetime:
        return fact.moment(self.field) if self.field else fact.at + self.after


@dataclass(frozen=True, slots=True)
class Superseded:
    """Which events make an unsent notice untrue: those of `by` whose field `key` equals the notice's."""

    by: tuple[str, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Written:
    """What is sent by one channel in one language; an SMS has no subject."""

    body: Text
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of notice."""

    name: str
    event: str
    audiences: tuple[str, ...]
    channels: tuple[str, ...]
    contact: Mapping[str, str]
    """By audience, the role of the organisation whose telephone and address are given."""
    once: Once
    send: Send = Send()
    not_after: NotAfter = NotAfter()
    superseded: Superseded | None = None
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    not_to: str = ""
    """A field naming the organisation that did it: nobody is told what they did themselves."""
    holds_while: frozenset[str] = frozenset()
    """Statuses of the appointment, as the claim check gives it, in which the notice is still true; none: any."""
    written: Mapping[tuple[str, str], Written] = field(default_factory=dict)
    """By channel and language."""

    def applies(self, fact: Fact) -> bool:
        """Say whether the event is one to tell; `@role` stands for the organisation in that role."""
        return fact.type == self.event and all(
            wanted & (fact.codes(name) | _roles_in(fact, name)) for name, wanted in self.when.items()
        )

    def recipients(self, fact: Fact) -> Iterator[tuple[str, UUID]]:
        """Yield each audience with who that is, without whoever did it."""
        actor = fact.fields.get(self.not_to) if self.not_to else None
        for audience in self.audiences:
            who = fact.roles.get(audience)
            if audience in ALONE:
                who = fact.subject_ref if audience == PERSON else fact.aggregate_id
            if who is not None and who != actor:
                yield audience, who

    def supersede_key(self, fact: Fact) -> UUID | None:
        found = fact.fields.get(self.superseded.key) if self.superseded is not None else None
        return found if isinstance(found, UUID) else None


def _roles_in(fact: Fact, name: str) -> frozenset[str]:
    found = fact.fields.get(name)
    return frozenset(f"@{role}" for role, organisation_id in fact.roles.items() if organisation_id == found)


class Catalogue:
    """Every template, by name and by the events that concern it."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self._by_name = {template.name: template for template in templates}

    def __iter__(self) -> Iterator[Template]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Template | None:
        return self._by_name.get(name)

    def told_by(self, fact: Fact) -> Iterator[Template]:
        """Yield the templates that this event is told with."""
        return (template for template in self if template.applies(fact))

    def untrue_after(self, fact: Fact) -> Mapping[UUID, list[str]]:
        """Return which templates' notices the event makes untrue, by the key they must have."""
        found: dict[UUID, list[str]] = {}
        for template in self:
            rule = template.superseded
            if rule is None or fact.type not in rule.by:
                continue
            key = fact.fields.get(rule.key)
            if isinstance(key, UUID):
                found.setdefault(key, []).append(template.name)
        return found

    def event_types(self) -> set[str]:
        """Return every event that any template looks at."""
        return {template.event for template in self} | {
            by for template in self if template.superseded is not None for by in template.superseded.by
        }
