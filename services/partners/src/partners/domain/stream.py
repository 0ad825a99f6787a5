"""One organisation's stream: what it sees, and at which position.

The rule of scope is here and nowhere else: a council sees what concerns a commune of its territory, an association
what it referred itself, and everybody who was told of a person hears of their erasure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from partners.domain.organisation import Kind

CLOSED = frozenset({"declined", "withdrawn", "expired"})
"""Statuses after which a referral needs nobody; every other one, known or not, is open."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Where an event belongs."""

    commune: str
    referrer_organisation_id: UUID
    receiver_organisation_id: UUID
    sender_kind: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A source event as far as the projection needs it; without routing it concerns whoever was told before."""

    event_id: UUID
    subject: str
    routing: Routing | None


@dataclass(frozen=True, slots=True)
class Stream:
    """An organisation's stream while its row is locked; `communes` holds at least those of interest here."""

    organisation_id: UUID
    code: str
    topic: str
    kind: Kind
    last_position: int
    communes: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    """Subjects, among those asked about, of which the stream already holds an event."""

    def sees(self, routing: Routing) -> bool:
        """Say whether an event with this routing is this organisation's."""
        if self.kind is Kind.COUNCIL:
            return routing.commune in self.communes
        return routing.referrer_organisation_id == self.organisation_id


@dataclass(frozen=True, slots=True)
class KnownReferral:
    """A referral as its latest event left it."""

    referral_id: UUID
    version: int
    status: str
    routing: Routing
    themes: tuple[str, ...] | None
    submitted_at: datetime | None
    changed_at: datetime
    correlation_id: UUID

    @property
    def open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.status not in CLOSED

    def then(self, other: KnownReferral) -> KnownReferral:
        """Return what is known after another of its events: the later version's, and what only one of them says."""
        later, earlier = (other, self) if other.version > self.version else (self, other)
        return replace(
            later,
            themes=later.themes if later.themes is not None else earlier.themes,
            submitted_at=later.submitted_at if later.submitted_at is not None else earlier.submitted_at,
        )


@dataclass
class Placing:
    """Gives events to streams, in order, each at the next position of each stream that sees it."""

    streams: Sequence[Stream]
    present: Collection[tuple[UUID, UUID]]
    """(organisation, event) pairs that a stream already holds: passed over."""
    _told: dict[UUID, set[str]] = field(init=False)
    _last: dict[UUID, int] = field(init=False)

    def __post_init__(self) -> None:
        self._told = {stream.organisation_id: set(stream.told) for stream in self.streams}
        self._last = {stream.organisation_id: stream.last_position for stream in self.streams}

    def place(self, fact: Fact) -> Iterator[tuple[Stream, int]]:
        """Yield where this event goes; call once per event, in the order of their source."""
        for stream in self.streams:
            owner = stream.organisation_id
            if (owner, fact.event_id) in self.present or not self._concerned(stream, fact):
                continue
            self._last[owner] += 1
            self._told[owner].add(fact.subject)
            yield stream, self._last[owner]

    def _concerned(self, stream: Stream, fact: Fact) -> bool:
        if fact.routing is None:
            return fact.subject in self._told[stream.organisation_id]
        return stream.sees(fact.routing)
