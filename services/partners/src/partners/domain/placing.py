"""Which stream takes which event, at which position, while the streams are locked.

A person who moves takes their referral out of some streams and into others: who sees both communes is told by the event
itself, who saw the old one alone by a `left_scope`, who sees the new one alone by a `snapshot`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from partners.domain.organisation import Kind
from partners.domain.stream import Fact, Matter, Stream, Verdict


@dataclass
class Placing:
    """Gives events to streams, in order, each at the next position of each stream that sees it."""

    streams: Sequence[Stream]
    present: Collection[tuple[UUID, UUID]]
    """(organisation, event) pairs that a stream already holds: passed over."""
    erased: Collection[UUID] = ()
    """Persons of whom nothing is told any more, and referrals of such persons."""
    sandboxed: Collection[UUID] = ()
    """Those of the referrers that are of the sandbox: what they refer is for organisations of the sandbox alone."""
    following: Collection[tuple[UUID, UUID]] = ()
    """(organisation, referral) pairs, of the referrals that move here, that a stream follows."""
    _told: dict[UUID, set[UUID]] = field(init=False)
    _last: dict[UUID, int] = field(init=False)
    _erased: set[UUID] = field(init=False)
    _follows: set[tuple[UUID, UUID]] = field(init=False)

    def __post_init__(self) -> None:
        self._told = {stream.organisation_id: set(stream.told) for stream in self.streams}
        self._last = {stream.organisation_id: stream.last_position for stream in self.streams}
        self._erased = set(self.erased)
        self._follows = set(self.following)

    def place(self, fact: Fact) -> Iterator[tuple[Stream, int]]:
        """Yield where this event goes; call once per event, in the order of their source."""
        for stream in self.streams:
            if self.judge(stream, fact) is not Verdict.IN_SCOPE:
                continue
            if fact.referral_id is not None:
                self._follows.add((stream.organisation_id, fact.referral_id))
            yield self._next(stream, fact)
        if fact.matter is Matter.ERASURE and fact.person is not None:
            self._erased.add(fact.person)

    def leave(self, move: Fact) -> Iterator[tuple[Stream, int]]:
        """Yield which streams hear no more of a referral whose person moved, having followed it."""
        for stream in self.streams:
            case = (stream.organisation_id, _of(move))
            out = self.judge(stream, move) is Verdict.OUTSIDE_TERRITORY and move.from_commune in stream.communes
            if out and case in self._follows and move.person not in self._erased:
                self._follows.discard(case)
                yield self._next(stream, move)

    def enter(self, move: Fact) -> Iterator[tuple[Stream, int]]:
        """Yield which streams come to see a referral whose person moved, and do not follow it."""
        for stream in self.streams:
            case = (stream.organisation_id, _of(move))
            if self.judge(stream, move) is Verdict.ENTERED and case not in self._follows:
                self._follows.add(case)
                yield self._next(stream, move)

    def judge(self, stream: Stream, fact: Fact) -> Verdict:
        """Say whether this event enters this stream now, or why not; it places nothing."""
        if (stream.organisation_id, fact.event_id) in self.present:
            return Verdict.HELD
        if fact.matter is Matter.ERASURE:
            told = fact.person in self._told[stream.organisation_id]
            return Verdict.IN_SCOPE if told else Verdict.PERSON_UNTOLD
        if fact.routing is None:
            return Verdict.NOT_NAMED
        if (fact.routing.referrer_organisation_id in self.sandboxed) is not stream.sandbox:
            return Verdict.OTHER_WORLD
        verdict = stream.judge(fact.matter, fact.routing)
        if verdict is not Verdict.IN_SCOPE:
            return verdict
        enters = fact.from_commune is not None and fact.from_commune not in stream.communes
        # A snapshot is told whatever the types asked for: what follows would have no beginning.
        if not (enters and stream.kind is Kind.COUNCIL):
            if stream.event_types is not None and fact.ce_type not in stream.event_types:
                return Verdict.EVENT_TYPES
            enters = False
        # Whoever has no business with the person does not learn here that they were erased.
        if fact.person in self._erased or fact.referral_id in self._erased:
            return Verdict.PERSON_ERASED
        return Verdict.ENTERED if enters else Verdict.IN_SCOPE

    def _next(self, stream: Stream, fact: Fact) -> tuple[Stream, int]:
        owner = stream.organisation_id
        self._last[owner] += 1
        if fact.person is not None:
            self._told[owner].add(fact.person)
        return stream, self._last[owner]


def _of(move: Fact) -> UUID:
    if move.referral_id is None:
        raise ValueError("a move is a referral's")
    return move.referral_id
