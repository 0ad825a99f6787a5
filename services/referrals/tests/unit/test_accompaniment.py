"""Whatever is asked of an accompaniment, by whomever, in whatever state: the table is followed, or nothing changes."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals.domain.accompaniment import Accompaniment, Fact, Happened
from referrals.domain.accompaniment_status import (
    ANSWERS,
    BY_CLOCK,
    OPEN,
    SIDES,
    SIDES_OF,
    TABLE,
    Command,
    EndReason,
    Side,
    Status,
)
from referrals.domain.errors import AccompanimentTransition, NotDue, ReferralRefused, WrongParty
from referrals.domain.referral import Parties
from referrals.domain.terms import ORIENTATION_AFTER, months_after

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
COUNCIL, EMPLOYMENT, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)
BY_SIDES = tuple(command for command in Command if command not in (*BY_CLOCK, Command.PROPOSAL))
ONCE = (Fact.PROPOSED, Fact.ACCEPTED, Fact.ACTIVATED, Fact.REFUSED, Fact.ENDED)


def proposed() -> Accompaniment:
    accompaniment = Accompaniment(
        UUID(int=10), UUID(int=11), UUID(int=12), UUID(int=13), Parties(UUID(int=4), "association", COUNCIL),
        EMPLOYMENT, "93048", START, START,
    )  # fmt: skip
    accompaniment.propose(Side.COUNCIL)
    return accompaniment


def ask(accompaniment: Accompaniment, command: Command, by: UUID, at: datetime) -> tuple[Happened, ...]:
    if command in BY_CLOCK:
        return accompaniment.notice_term(command, at)
    side = accompaniment.side_of(by)
    if command is Command.NOTE:
        accompaniment.check_note(side)
        return ()
    return (accompaniment.act(command, side, at, EndReason.EMPLOYMENT if command is Command.END else None),)


def attempt(
    accompaniment: Accompaniment, command: Command, by: UUID, at: datetime
) -> tuple[tuple[Happened, ...] | None, str]:
    try:
        return ask(accompaniment, command, by, at), ""
    except ReferralRefused as refused:
        return None, refused.code


asked = st.tuples(
    st.sampled_from((*BY_SIDES, *BY_CLOCK)),
    st.sampled_from((COUNCIL, EMPLOYMENT, THIRD)),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=800)),
)
# Most stories get somewhere: both agree first.
beginnings = st.sampled_from(
    ([], [(Command.ACCEPTANCE, EMPLOYMENT, timedelta(days=1))],
     [(Command.ACCEPTANCE, by, timedelta(days=1)) for by in (COUNCIL, EMPLOYMENT)]),
)  # fmt: skip
histories = st.tuples(beginnings, st.lists(asked, max_size=14)).map(lambda parts: [*parts[0], *parts[1]])


@given(histories)
def test_every_command_follows_the_table_or_changes_nothing(history: list[tuple[Command, UUID, timedelta]]) -> None:
    accompaniment = proposed()
    told: list[Fact] = [Fact.PROPOSED]
    for command, by, elapsed in history:
        before = deepcopy(accompaniment)
        happened, refusal = attempt(accompaniment, command, by, START + elapsed)
        if happened is None:
            assert refusal
            assert accompaniment == before
            continue
        side = Side.SYSTEM if command in BY_CLOCK else before.side_of(by)
        assert side in SIDES_OF[command]
        assert accompaniment.status is TABLE[before.status, command]
        assert not (command in ANSWERS and side in before.accepted_by)
        assert [one.version for one in happened] == list(range(before.version + 1, accompaniment.version + 1))
        assert all(one.by is side for one in happened)
        if command is Command.NOTE:
            assert accompaniment == before
        told += [one.fact for one in happened]
    # What contracts promise: these at most once, and nothing after the end.
    assert all(told.count(fact) <= 1 for fact in ONCE)
    assert accompaniment.is_open or told[-1] in (Fact.REFUSED, Fact.ENDED)
    assert (accompaniment.accepted_by == SIDES) == (Fact.ACTIVATED in told)


@given(histories, asked)
def test_what_is_announced_as_allowed_is_what_is_accepted(
    history: list[tuple[Command, UUID, timedelta]], last: tuple[Command, UUID, timedelta]
) -> None:
    accompaniment = proposed()
    for command, by, elapsed in history:
        attempt(accompaniment, command, by, START + elapsed)
    command, by, elapsed = last
    if command in BY_CLOCK:
        return
    side = accompaniment.side_of(by)
    announced = side is not None and command in accompaniment.allowed(side)

    happened, _ = attempt(accompaniment, command, by, START + elapsed)

    assert (happened is not None) == announced


@pytest.mark.parametrize("status", [status for status in Status if status not in OPEN])
def test_nothing_is_possible_before_the_proposal_or_after_the_end(status: Status) -> None:
    accompaniment = proposed()
    accompaniment.status = status
    for command in (*BY_SIDES, *BY_CLOCK):
        assert attempt(accompaniment, command, COUNCIL, START + timedelta(days=900))[0] is None


def test_each_side_agrees_for_itself_and_once() -> None:
    accompaniment = proposed()
    assert ask(accompaniment, Command.ACCEPTANCE, EMPLOYMENT, START)[0].fact is Fact.ACCEPTED
    for command in ANSWERS:
        with pytest.raises(AccompanimentTransition):
            ask(accompaniment, command, EMPLOYMENT, START)
    assert Command.REFUSAL in accompaniment.allowed(Side.COUNCIL)
    assert ask(accompaniment, Command.ACCEPTANCE, COUNCIL, START)[0].fact is Fact.ACTIVATED


def test_only_the_council_proposes_and_third_organisations_are_on_no_side() -> None:
    accompaniment = proposed()
    assert accompaniment.side_of(THIRD) is None
    for by in (None, Side.EMPLOYMENT_SERVICE, Side.SYSTEM):
        with pytest.raises(WrongParty):
            accompaniment.propose(by)
    with pytest.raises(WrongParty):
        accompaniment.act(Command.ACCEPTANCE, None, START)


def test_end_needs_its_reason_and_nothing_else_takes_one() -> None:
    accompaniment = proposed()
    with pytest.raises(AccompanimentTransition):
        accompaniment.act(Command.ACCEPTANCE, Side.COUNCIL, START, EndReason.MOVED)
    ask(accompaniment, Command.ACCEPTANCE, COUNCIL, START)
    ask(accompaniment, Command.ACCEPTANCE, EMPLOYMENT, START)
    with pytest.raises(AccompanimentTransition):
        accompaniment.act(Command.END, Side.COUNCIL, START)


def active() -> Accompaniment:
    accompaniment = proposed()
    ask(accompaniment, Command.ACCEPTANCE, COUNCIL, START)
    ask(accompaniment, Command.ACCEPTANCE, EMPLOYMENT, START)
    return accompaniment


def test_terms_come_when_they_are_due_and_are_told_once() -> None:
    waiting, running = proposed(), active()
    for accompaniment, term, due_at in (
        (waiting, Command.ORIENTATION, START + ORIENTATION_AFTER),
        (running, Command.CONTRACT, datetime(2026, 4, 2, 9, 30, tzinfo=UTC)),
    ):
        with pytest.raises(NotDue):
            accompaniment.notice_term(term, due_at - timedelta(seconds=1))
        (told,) = accompaniment.notice_term(term, due_at + timedelta(hours=1))
        assert (told.fact, told.term, told.due_at) == (Fact.TERM_DUE, term, due_at)
        with pytest.raises(NotDue):
            accompaniment.notice_term(term, due_at + timedelta(days=1))


def test_joint_diagnosis_is_due_twelve_months_after_activation_and_after_each_review() -> None:
    accompaniment = active()
    first = datetime(2027, 3, 2, 9, 30, tzinfo=UTC)
    facts = [one.fact for one in accompaniment.notice_term(Command.JOINT_DIAGNOSIS, first)]
    assert facts == [Fact.TERM_DUE, Fact.REVIEW_DUE]
    assert accompaniment.status is Status.REVIEW_DUE
    reviewed_at = first + timedelta(days=10)
    assert ask(accompaniment, Command.REVIEW, EMPLOYMENT, reviewed_at)[0].fact is Fact.REVIEWED
    with pytest.raises(NotDue):
        accompaniment.notice_term(Command.JOINT_DIAGNOSIS, first + timedelta(days=300))
    assert accompaniment.due_at(Command.JOINT_DIAGNOSIS) == reviewed_at.replace(year=2028)


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2090, 1, 1)), st.integers(0, 24))  # noqa: DTZ001  # calendar arithmetic
def test_months_later_is_the_same_day_or_the_last_of_a_shorter_month(at: datetime, months: int) -> None:
    later = months_after(at, months)
    assert (later.year * 12 + later.month) - (at.year * 12 + at.month) == months
    assert later.time() == at.time()
    assert later.day == at.day or (later.day < at.day and (later + timedelta(days=1)).day == 1)
