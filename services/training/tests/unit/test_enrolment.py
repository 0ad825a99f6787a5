"""Whatever is asked of an enrolment or a session, by whomever, in whatever state: the table is followed, or nothing
changes.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.domain.accompaniment import Accompaniment, AccompanimentStatus
from training.domain.enrolment import OFFER_STANDS, SYSTEM, Enrolment, EnrolmentChanged
from training.domain.errors import (
    IllegalTransition,
    InputRefused,
    NoSeatFree,
    NotDue,
    NotStarted,
    OfferOver,
    TrainingRefused,
    WrongParty,
)
from training.domain.session import (
    SESSION_TABLE,
    CancelReason,
    Programme,
    Session,
    SessionCommand,
    SessionStatus,
)
from training.domain.status import OPEN, PASSING, ROUTES, SEATED, TABLE, Actor, Command, Status

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BEGINS = NOW + timedelta(days=30)
COUNCIL, SERVICE, PROVIDER = UUID(int=1), UUID(int=2), UUID(int=3)
PROVIDER_ACTS = frozenset({Actor.PROVIDER})
KNOWN = Accompaniment(
    UUID(int=10), UUID(int=11), UUID(int=12), UUID(int=13), "93048", UUID(int=14), "association", COUNCIL, SERVICE,
    AccompanimentStatus.ACTIVE,
)  # fmt: skip


def programme(seats: int = 10, starts_at: datetime = BEGINS) -> Programme:
    return Programme("Bases numériques", "numerique--x", "93048", seats, 12, starts_at, "1 rue de l’Exemple")


def session(
    seats: int = 10, taken: int = 0, waiting: int = 0, status: SessionStatus = SessionStatus.OPEN, id_: int = 20
) -> Session:
    return Session(
        UUID(int=id_), UUID(int=21), PROVIDER, programme(seats), NOW, NOW, status, 1, taken, waiting
    )  # fmt: skip


def enrolment(status: Status, of: Session) -> Enrolment:
    """Return an enrolment in any status, and let its session count it."""
    found = Enrolment(
        UUID(int=30), KNOWN, UUID(int=31), of.session_id, of.session_id, NOW, NOW, status=status, version=3
    )
    if status is Status.WAITLISTED:
        found.waits_on = of.theme_list if of.status is SessionStatus.CANCELLED else of.session_id
        found.place = 7
    if status is Status.SEAT_OFFERED:
        found.offer_expires_at = NOW + OFFER_STANDS
    if of.status is SessionStatus.OPEN:
        of.taken += status in SEATED
        of.waiting += status is Status.WAITLISTED
    return found


def acts(command: Command, by: frozenset[Actor]) -> Callable[[Enrolment, Session, datetime], list[EnrolmentChanged]]:
    """Return how a command is given to an enrolment; those of the system name no actor."""

    def act(one: Enrolment, of: Session, at: datetime) -> list[EnrolmentChanged]:
        match command:
            case Command.REQUEST:
                return [one.request(of, by)]
            case Command.ELIGIBILITY | Command.INELIGIBILITY | Command.HOLD:
                return list(one.assess(of, through=(), at=at))
            case Command.WAITLISTING:
                return [one.wait(of, at)]
            case Command.OFFER:
                return [one.offer(of, at)]
            case Command.EXPIRY:
                return [one.expire(of, at)]
            case Command.SESSION_CANCELLATION:
                return list(one.leave_cancelled(of, 1, at))
            case _:
                return [one.decide(command, of, by, at)]

    return act


sessions = st.builds(
    session,
    seats=st.integers(1, 3),
    taken=st.integers(0, 1),
    waiting=st.integers(0, 2),
    status=st.sampled_from((SessionStatus.OPEN, SessionStatus.CANCELLED)),
)
moments = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40)).map(lambda elapsed: NOW + elapsed)
qualities = st.frozensets(st.sampled_from(Actor))


@settings(deadline=None)
@given(st.sampled_from(Status), sessions, st.sampled_from(Command), qualities, moments)
def test_every_command_follows_the_table_or_changes_nothing(
    status: Status, of: Session, command: Command, by: frozenset[Actor], at: datetime
) -> None:
    one = enrolment(status, of)
    before = deepcopy((one, of))
    refusal = ""
    facts: list[EnrolmentChanged] = []
    try:
        facts = acts(command, by)(one, of, at)
    except TrainingRefused as refused:
        refusal = refused.code
    if refusal:
        assert (one, of) == before
        return
    assert command in (Command.INELIGIBILITY, Command.HOLD) or (status, command) in TABLE
    was, version = status, before[0].version
    for fact in facts:
        ways = {way.to: way for (origin, _), way in TABLE.items() if origin is was}
        assert fact.status in ways
        assert fact.by in ways[fact.status].by
        assert command not in ROUTES or fact.by in by
        assert fact.version == version + 1
        was, version = fact.status, fact.version
    assert (one.status, one.version, one.changed_at) == (was, version, facts[-1].at)
    assert (one.status is Status.WAITLISTED) == (one.waits_on is not None)
    assert (one.status is Status.SEAT_OFFERED) == (one.offer_expires_at is not None)
    if of.status is SessionStatus.OPEN:
        assert of.taken - before[1].taken == (one.status in SEATED) - (status in SEATED)
        assert of.taken <= of.programme.seats or of.taken <= before[1].taken


@given(st.sampled_from(Status), sessions, st.sampled_from(list(ROUTES)), qualities, moments)
def test_what_is_announced_as_allowed_is_what_is_accepted(
    status: Status, of: Session, command: Command, by: frozenset[Actor], at: datetime
) -> None:
    one = enrolment(status, of)
    announced = one.allowed(of, by, at)
    same_route = [other for other in ROUTES if ROUTES[other] == ROUTES[command]]
    accepted = []
    for other in same_route:
        try:
            deepcopy(one).decide(other, deepcopy(of), by, at)
        except TrainingRefused:
            continue
        accepted.append(other)
    assert bool(accepted) == (ROUTES[command] in announced)


def test_nothing_follows_an_end_and_nobody_is_left_in_passing() -> None:
    origins = {origin for origin, _ in TABLE}
    assert origins == OPEN | PASSING
    for status in PASSING - {Status.DRAFT}:
        assert any(way.to is status for way in TABLE.values())


@pytest.mark.parametrize(("seats", "taken", "waiting", "status"), [
    (1, 0, 0, Status.SEAT_HELD),
    (1, 1, 0, Status.WAITLISTED),
    (0, 0, 0, Status.WAITLISTED),
    # A free seat is not given past those who wait for it.
    (2, 1, 1, Status.WAITLISTED),
])  # fmt: skip
def test_request_gets_a_seat_or_a_rank(seats: int, taken: int, waiting: int, status: Status) -> None:
    of = session(seats, taken, waiting)
    one = enrolment(Status.DRAFT, of)
    facts = [one.request(of, frozenset({Actor.COUNCIL})), *one.assess(of, through=(), at=NOW)]
    assert [fact.status for fact in facts] == [Status.REQUESTED, Status.ELIGIBLE, status]
    assert (of.taken, of.waiting) == (taken + (status in SEATED), waiting + (status is Status.WAITLISTED))
    assert facts[-1].rank == (waiting + 1 if status is Status.WAITLISTED else None)


@pytest.mark.parametrize(("of", "through", "at", "reason"), [
    (None, (), NOW, "unknown_session"),
    (session(status=SessionStatus.CANCELLED), (), NOW, "session_cancelled"),
    (session(), (), BEGINS, "session_started"),
    (session(), (UUID(int=99), KNOWN.accompaniment_id), NOW, "already_enrolled"),
    (session(), (UUID(int=99),), NOW, "not_available"),
])  # fmt: skip
def test_request_that_cannot_be_is_told_why(
    of: Session | None, through: tuple[UUID, ...], at: datetime, reason: str
) -> None:
    one = enrolment(Status.DRAFT, session())
    asked = one.request(of, frozenset({Actor.COUNCIL}))
    (fact,) = one.assess(of, through=through, at=at)
    assert (asked.status, fact.status, fact.reason) == (Status.REQUESTED, Status.INELIGIBLE, reason)
    assert of is None or (of.taken, of.waiting) == (0, 0)


def test_held_seat_is_confirmed_by_the_provider_and_an_offered_one_by_any_of_the_three() -> None:
    for side in (Actor.COUNCIL, Actor.EMPLOYMENT_SERVICE):
        of = session()
        with pytest.raises(WrongParty):
            enrolment(Status.SEAT_HELD, of).decide(Command.CONFIRMATION, of, frozenset({side}), NOW)
        offered = enrolment(Status.SEAT_OFFERED, of)
        assert offered.decide(Command.CONFIRMATION, of, frozenset({side}), NOW).status is Status.CONFIRMED
    of = session()
    for status in (Status.SEAT_HELD, Status.SEAT_OFFERED):
        confirmed = enrolment(status, of).decide(Command.CONFIRMATION, of, PROVIDER_ACTS, NOW)
        assert (confirmed.status, confirmed.by) == (Status.CONFIRMED, Actor.PROVIDER)


def test_offer_stands_for_48_hours_to_the_second() -> None:
    of = session()
    one = enrolment(Status.WAITLISTED, of)
    one.offer(of, NOW)
    end = NOW + timedelta(hours=48)
    assert one.offer_expires_at == end
    with pytest.raises(NotDue):
        one.expire(of, end - timedelta(seconds=1))
    with pytest.raises(OfferOver):
        one.decide(Command.CONFIRMATION, of, PROVIDER_ACTS, end)
    assert one.expire(of, end).status is Status.OFFER_EXPIRED
    assert of.taken == 0


def test_offer_ends_when_the_session_begins() -> None:
    of = session()
    one = enrolment(Status.WAITLISTED, of)
    fact = one.offer(of, BEGINS - timedelta(hours=1))
    assert fact.expires_at == BEGINS
    with pytest.raises(NoSeatFree):
        enrolment(Status.WAITLISTED, of).offer(of, BEGINS)


def test_nobody_attends_nor_is_missing_before_the_session_begins() -> None:
    of = session()
    one = enrolment(Status.CONFIRMED, of)
    for command in (Command.START, Command.ABSENCE):
        with pytest.raises(NotStarted):
            one.decide(command, of, PROVIDER_ACTS, BEGINS - timedelta(seconds=1))
    assert one.decide(Command.START, of, PROVIDER_ACTS, BEGINS).status is Status.ATTENDING


def test_zero_seats_means_zero() -> None:
    of = session(seats=0)
    with pytest.raises(NoSeatFree):
        enrolment(Status.WAITLISTED, of).offer(of, NOW)
    with pytest.raises(NoSeatFree):
        of.count(None, Status.CONFIRMED)
    assert of.taken == 0


def test_whoever_lost_a_session_goes_to_another_of_its_theme_and_to_no_other() -> None:
    cancelled = session(status=SessionStatus.CANCELLED)
    following, unrelated = session(id_=40), session(id_=41)
    unrelated.programme = Programme("Autre", "logement--x", "93048", 5, 12, BEGINS, "ailleurs")
    one = enrolment(Status.WAITLISTED, cancelled)
    for move in (one.offer, one.wait):
        with pytest.raises(IllegalTransition):
            move(unrelated, NOW)
    place = one.place
    assert one.wait(following, NOW).session_id == following.session_id
    assert (one.place, following.waiting, one.asked_session_id) == (place, 1, cancelled.session_id)
    with pytest.raises(IllegalTransition):
        one.wait(following, NOW)


@given(st.sampled_from(SessionStatus), st.sampled_from(SessionCommand), qualities, moments)
def test_session_follows_its_table_or_changes_nothing(
    status: SessionStatus, command: SessionCommand, by: frozenset[Actor], at: datetime
) -> None:
    of = session(taken=2, waiting=1, status=status)
    of.opened_at = at
    before = deepcopy(of)
    announced = command in of.allowed(by, at)
    try:
        fact = of.open(by) if command is SessionCommand.OPENING else of.cancel(by, at, CancelReason.NO_ROOM)
    except InputRefused:
        assert command is SessionCommand.OPENING
        assert at >= BEGINS
        assert of == before
        return
    except TrainingRefused:
        assert not announced
        assert of == before
        return
    assert announced
    assert Actor.PROVIDER in by
    assert of.status is fact.status is SESSION_TABLE[status, command]
    assert of.version == fact.version == before.version + 1


def test_session_begins_in_the_future_and_not_in_a_distant_one() -> None:
    for starts_at, rule in ((NOW, "not_in_the_future"), (NOW + timedelta(days=1100), "too_far")):
        with pytest.raises(InputRefused) as refused:
            programme(starts_at=starts_at).check(NOW)
        assert refused.value.rule == rule


def test_system_alone_gives_and_takes_seats() -> None:
    given_out = (Command.HOLD, Command.OFFER, Command.EXPIRY, Command.WAITLISTING)
    assert all(way.by == SYSTEM for (_, command), way in TABLE.items() if command in given_out)
