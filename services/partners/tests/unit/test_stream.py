"""Who sees an event, and at which position."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from partners.domain.organisation import Kind
from partners.domain.stream import Fact, KnownReferral, Placing, Routing, Stream

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
ASSOCIATION = uuid4()
ROUTING = Routing("93048", ASSOCIATION, uuid4(), "association")


def stream(kind: Kind, owner: UUID | None = None, last: int = 0, communes: tuple[str, ...] = ()) -> Stream:
    return Stream(owner or uuid4(), "code", "partner-code-v1", kind, last, frozenset(communes))


def fact(routing: Routing | None = ROUTING, subject: str = "one") -> Fact:
    return Fact(uuid4(), subject, routing)


def test_council_sees_an_event_when_its_commune_is_in_the_territory() -> None:
    assert stream(Kind.COUNCIL, communes=("93048",)).sees(ROUTING)
    assert not stream(Kind.COUNCIL, communes=("94028",)).sees(ROUTING)


def test_association_sees_an_event_when_it_made_the_referral() -> None:
    assert stream(Kind.ASSOCIATION, ASSOCIATION).sees(ROUTING)
    assert not stream(Kind.ASSOCIATION, communes=("93048",)).sees(ROUTING)


def test_positions_follow_one_another_when_some_events_are_not_seen() -> None:
    council = stream(Kind.COUNCIL, last=7, communes=("93048",))
    elsewhere = Routing("94028", ASSOCIATION, uuid4(), "association")
    placing = Placing([council], set())

    placed = [list(placing.place(one)) for one in (fact(), fact(elsewhere), fact())]

    assert placed == [[(council, 8)], [], [(council, 9)]]


def test_event_is_passed_over_when_the_stream_holds_it() -> None:
    council = stream(Kind.COUNCIL, communes=("93048",))
    held, fresh = fact(), fact()
    placing = Placing([council], {(council.organisation_id, held.event_id)})

    assert list(placing.place(held)) == []
    assert list(placing.place(fresh)) == [(council, 1)]


def test_erasure_reaches_who_was_told_when_told_in_the_same_batch() -> None:
    council, other = stream(Kind.COUNCIL, communes=("93048",)), stream(Kind.COUNCIL)
    placing = Placing([council, other], set())

    identified = list(placing.place(fact(subject="person")))
    erased = list(placing.place(fact(None, "person")))

    assert [place[0] for place in identified] == [place[0] for place in erased] == [council]


@pytest.mark.parametrize("swap", [False, True])
def test_later_version_is_known_when_events_come_in_any_order(swap: bool) -> None:
    referral, story = uuid4(), uuid4()
    first = KnownReferral(referral, 1, "submitted", ROUTING, ("theme",), AT, AT, story)
    second = KnownReferral(referral, 2, "declined", ROUTING, None, None, AT + timedelta(days=1), story)

    known = second.then(first) if swap else first.then(second)

    assert (known.version, known.status, known.open) == (2, "declined", False)
    assert (known.themes, known.submitted_at) == (("theme",), AT)
