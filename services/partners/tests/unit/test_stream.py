"""Who sees an event, and at which position."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from partners.domain.organisation import PARTNERS, Kind
from partners.domain.placing import Placing
from partners.domain.stream import SHOWN, Fact, KnownReferral, Matter, Routing, Stream, Verdict

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
ASSOCIATION, EMPLOYMENT, TRAINING = uuid4(), uuid4(), uuid4()
ROUTING = Routing("93048", ASSOCIATION, uuid4(), "association", EMPLOYMENT, TRAINING)
PERSON = uuid4()


def stream(kind: Kind, owner: UUID | None = None, last: int = 0, communes: tuple[str, ...] = ()) -> Stream:
    return Stream(owner or uuid4(), "code", "partner-code-v1", kind, last, frozenset(communes))


def fact(routing: Routing | None = ROUTING, matter: Matter = Matter.REFERRAL, person: UUID | None = None) -> Fact:
    return Fact(uuid4(), matter, routing, person)


def erasure(person: UUID = PERSON) -> Fact:
    return fact(None, Matter.ERASURE, person)


def test_council_sees_an_event_when_its_commune_is_in_the_territory() -> None:
    for matter in Matter:
        assert stream(Kind.COUNCIL, communes=("93048",)).sees(matter, ROUTING)
        assert not stream(Kind.COUNCIL, communes=("94028",)).sees(matter, ROUTING)


@pytest.mark.parametrize(
    ("kind", "owner"),
    [
        (Kind.ASSOCIATION, ASSOCIATION),
        (Kind.EMPLOYMENT_SERVICE, EMPLOYMENT),
        (Kind.TRAINING_PROVIDER, TRAINING),
    ],
)
def test_other_kinds_see_what_names_them_in_their_own_place_and_wherever_the_person_lives(
    kind: Kind, owner: UUID
) -> None:
    assert stream(kind, owner).sees(Matter.ENROLMENT, ROUTING)
    assert not stream(kind, communes=("93048",)).sees(Matter.ENROLMENT, ROUTING)
    for other in {ASSOCIATION, EMPLOYMENT, TRAINING, ROUTING.receiver_organisation_id} - {owner}:
        assert not stream(kind, other).sees(Matter.ENROLMENT, ROUTING)


def test_each_kind_is_shown_its_own_matters() -> None:
    def shown(kind: Kind, owner: UUID) -> set[Matter]:
        return {matter for matter in Matter if stream(kind, owner, communes=("93048",)).sees(matter, ROUTING)}

    everything = set(Matter)
    assert shown(Kind.COUNCIL, uuid4()) == shown(Kind.EMPLOYMENT_SERVICE, EMPLOYMENT) == everything
    assert everything - shown(Kind.ASSOCIATION, ASSOCIATION) == {Matter.TIER, Matter.PLAN, Matter.ABSENCE}
    assert shown(Kind.TRAINING_PROVIDER, TRAINING) - {Matter.ERASURE} == {Matter.ENROLMENT}
    assert set(SHOWN) == PARTNERS


def test_nobody_is_named_where_a_routing_leaves_a_place_empty() -> None:
    bare = Routing("93048", ASSOCIATION, uuid4(), "association")

    assert bare.parties() == {ASSOCIATION}
    assert ROUTING.parties() == {ASSOCIATION, EMPLOYMENT, TRAINING}
    assert not stream(Kind.EMPLOYMENT_SERVICE, EMPLOYMENT).sees(Matter.ACCOMPANIMENT, bare)


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

    identified = list(placing.place(fact(matter=Matter.IDENTITY, person=PERSON)))
    erased = list(placing.place(erasure()))

    assert [place[0] for place in identified] == [place[0] for place in erased] == [council]


def test_erasure_reaches_whoever_was_told_by_an_event_of_another_aggregate() -> None:
    employment, other = stream(Kind.EMPLOYMENT_SERVICE, EMPLOYMENT), stream(Kind.EMPLOYMENT_SERVICE)
    placing = Placing([employment, other], set())

    told = list(placing.place(fact(matter=Matter.ACCOMPANIMENT, person=PERSON)))
    erased = list(placing.place(erasure()))

    assert (told, erased) == ([(employment, 1)], [(employment, 2)])


def test_nothing_is_told_of_a_person_after_their_erasure() -> None:
    council = stream(Kind.COUNCIL, communes=("93048",))
    before, other = uuid4(), uuid4()
    placing = Placing([council], set(), {before})

    assert list(placing.place(fact(matter=Matter.APPOINTMENT, person=before))) == []
    assert list(placing.place(fact(matter=Matter.APPOINTMENT, person=PERSON))) == [(council, 1)]
    assert list(placing.place(erasure())) == [(council, 2)]
    assert list(placing.place(fact(matter=Matter.ENROLMENT, person=PERSON))) == []
    assert list(placing.place(fact(matter=Matter.ENROLMENT, person=other))) == [(council, 3)]


def test_types_that_were_not_asked_for_stay_out_except_an_erasure() -> None:
    council = replace(stream(Kind.COUNCIL, communes=("93048",)), event_types=frozenset({"accepted"}))
    elsewhere = replace(fact(Routing("94028", ASSOCIATION, uuid4(), "association")), ce_type="submitted")
    wanted, other = (replace(fact(person=PERSON), ce_type=name) for name in ("accepted", "submitted"))
    placing = Placing([council], set())

    assert placing.judge(council, other) is Verdict.EVENT_TYPES
    # Whose it is comes first: a list of types says nothing of what is somebody else's.
    assert placing.judge(council, elsewhere) is Verdict.OUTSIDE_TERRITORY
    assert list(placing.place(other)) == []
    assert list(placing.place(wanted)) == [(council, 1)]
    assert list(placing.place(erasure())) == [(council, 2)]


def test_event_that_lost_its_routing_is_nobodys() -> None:
    council = stream(Kind.COUNCIL, communes=("93048",))

    assert list(Placing([council], set()).place(fact(None))) == []


@pytest.mark.parametrize("swap", [False, True])
def test_later_version_is_known_when_events_come_in_any_order(swap: bool) -> None:
    referral, story = uuid4(), uuid4()
    first = KnownReferral(referral, 1, "submitted", ROUTING, ("theme",), AT, AT, story)
    second = KnownReferral(referral, 2, "declined", ROUTING, None, None, AT + timedelta(days=1), story)

    known = second.then(first) if swap else first.then(second)

    assert (known.version, known.status, known.open) == (2, "declined", False)
    assert (known.themes, known.submitted_at) == (("theme",), AT)
