"""Whatever is asked of a referral, by whomever, in whatever state: the table is followed, or nothing changes."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals.domain.decline import Decline, DeclinedBy, DeclineReason
from referrals.domain.errors import IllegalTransition, InputRefused, NotDue, ReferralRefused, WrongParty
from referrals.domain.referral import EXPIRES_AFTER, OVERDUE_AFTER, Parties, Referral, StatusChanged
from referrals.domain.status import ACTOR_OF, OPEN, STEPS, TABLE, Actor, Command, Status

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
REFERRER, RECEIVER = UUID(int=1), UUID(int=2)
DECLINE = Decline((DeclineReason.OUT_OF_AREA,), DeclinedBy.PROVIDER, True)

BY_CLOCK = (Command.OVERDUE, Command.EXPIRY)
BY_PARTIES = tuple(command for command in Command if command not in (*BY_CLOCK, Command.SUBMISSION))


def submitted() -> Referral:
    referral = Referral(
        UUID(int=10), UUID(int=11), Parties(REFERRER, "association", RECEIVER), "93048", ("x--y",), START, START
    )
    referral.submit(frozenset({Actor.REFERRER}))
    return referral


def ask(referral: Referral, command: Command, by: frozenset[Actor], at: datetime) -> StatusChanged:
    if command in BY_CLOCK:
        return referral.notice_silence(command, at)
    return referral.decide(command, by, at, DECLINE if command is Command.DECLINE else None)


def attempt(
    referral: Referral, command: Command, by: frozenset[Actor], at: datetime
) -> tuple[StatusChanged | None, str]:
    try:
        return ask(referral, command, by, at), ""
    except ReferralRefused as refused:
        return None, refused.code


def after(*commands: Command) -> Referral:
    referral = submitted()
    for command in commands:
        at = START + (OVERDUE_AFTER if command is Command.OVERDUE else timedelta(hours=1))
        ask(referral, command, frozenset({ACTOR_OF[command]}), at)
    return referral


@pytest.mark.parametrize("status", Status)
def test_opening_is_told_once_while_an_answer_is_awaited_and_moves_no_status(status: Status) -> None:
    referral = submitted()
    referral.status = status
    before = deepcopy(referral)

    told = referral.open(START)

    if status not in OPEN:
        assert told is None
        assert referral == before
        return
    assert told is not None
    assert (told.version, told.status, told.since, told.at) == (before.version + 1, status, before.changed_at, START)
    assert (referral.status, referral.step, referral.changed_at) == (status, before.step, before.changed_at)
    assert referral.open(START + timedelta(days=1)) is None
    assert (referral.version, referral.opened_at) == (told.version, START)


asked = st.tuples(
    st.sampled_from((*BY_PARTIES, *BY_CLOCK)),
    st.frozensets(st.sampled_from((Actor.REFERRER, Actor.RECEIVER))),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40)),
)


@given(st.lists(asked, max_size=12))
def test_every_command_follows_the_table_or_changes_nothing(
    history: list[tuple[Command, frozenset[Actor], timedelta]],
) -> None:
    referral = submitted()
    told: list[Status] = []
    for command, by, elapsed in history:
        before = deepcopy(referral)
        fact, refusal = attempt(referral, command, by, START + elapsed)
        if fact is None:
            assert refusal
            assert referral == before
            continue
        assert command in BY_CLOCK or ACTOR_OF[command] in by
        origins = {before.status} | ({before.step} if before.status is Status.OVERDUE else set())
        assert referral.status in {TABLE.get((origin, command)) for origin in origins}
        assert (fact.status, fact.version, fact.by) == (referral.status, before.version + 1, ACTOR_OF[command])
        assert referral.version == fact.version
        told.append(fact.status)
    # What contracts promise: each of these facts at most once, and nothing after the end.
    assert all(told.count(status) <= 1 for status in Status)
    assert all(status in OPEN for status in told[:-1])


@given(st.lists(asked, max_size=8), asked)
def test_what_is_announced_as_allowed_is_what_is_accepted(
    history: list[tuple[Command, frozenset[Actor], timedelta]],
    last: tuple[Command, frozenset[Actor], timedelta],
) -> None:
    referral = submitted()
    for command, by, elapsed in history:
        attempt(referral, command, by, START + elapsed)
    command, by, _ = last
    announced = command in referral.allowed(by | {Actor.SYSTEM})

    fact, _ = attempt(referral, command, by, START + timedelta(days=60))

    assert (fact is not None) == announced


@pytest.mark.parametrize("status", STEPS)
def test_overdue_referral_goes_on_from_its_step_when_answered_late(status: Status) -> None:
    way = (Command.RECEIPT, Command.REVIEW)[: STEPS.index(status)]
    following = {Status.SUBMITTED: Command.RECEIPT, Status.RECEIVED: Command.REVIEW}.get(status, Command.ACCEPTANCE)
    referral = after(*way, Command.OVERDUE)
    assert referral.status is Status.OVERDUE

    fact = ask(referral, following, frozenset({Actor.RECEIVER}), START + timedelta(days=12))

    assert fact.status is TABLE[(status, following)]


def test_silence_is_noticed_only_once_the_term_has_passed() -> None:
    referral = submitted()
    with pytest.raises(NotDue):
        referral.notice_silence(Command.OVERDUE, START + OVERDUE_AFTER - timedelta(seconds=1))
    with pytest.raises(NotDue):
        referral.notice_silence(Command.EXPIRY, START + EXPIRES_AFTER - timedelta(seconds=1))
    assert referral.status is Status.SUBMITTED


def test_late_receipt_is_not_overdue_twice_but_still_expires() -> None:
    referral = after(Command.OVERDUE, Command.RECEIPT)
    assert referral.status is Status.RECEIVED
    with pytest.raises(IllegalTransition):
        referral.notice_silence(Command.OVERDUE, START + timedelta(days=20))
    assert referral.notice_silence(Command.EXPIRY, START + EXPIRES_AFTER).status is Status.EXPIRED


def test_other_side_is_refused_whatever_the_status() -> None:
    for referral in (submitted(), after(Command.WITHDRAWAL)):
        with pytest.raises(WrongParty):
            referral.decide(Command.RECEIPT, frozenset({Actor.REFERRER}), START)
        with pytest.raises(WrongParty):
            referral.decide(Command.WITHDRAWAL, frozenset({Actor.RECEIVER}), START)


def test_decline_needs_reasons_each_once() -> None:
    with pytest.raises(InputRefused):
        Decline((), DeclinedBy.PERSON, False)
    with pytest.raises(InputRefused):
        Decline((DeclineReason.OTHER, DeclineReason.OTHER), DeclinedBy.PERSON, False)
    with pytest.raises(IllegalTransition):
        after(Command.RECEIPT, Command.REVIEW).decide(Command.DECLINE, frozenset({Actor.RECEIVER}), START)


def test_third_organisation_is_on_no_side() -> None:
    assert submitted().parties.quality_of(UUID(int=3)) == frozenset()
    assert submitted().allowed(frozenset()) == ()
