"""From any state, any command, by any actor: it follows the table, or is refused with a code and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.domain.errors import NoticeRefused
from notifications.domain.notice import RETRY_DELAYS, Kind, Notice, Told
from notifications.domain.states import ACTORS_OF, OPEN, TABLE, Actor, Command, Reason, State

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DO: dict[Command, Callable[[Notice, Actor], list[Told]]] = {
    Command.HOLD: lambda notice, by: notice.hold(by, NOW, NOW + timedelta(hours=3)),
    Command.TAKE: lambda notice, by: notice.take(by, NOW),
    Command.RELEASE: lambda notice, by: notice.release(by, NOW, timedelta(seconds=10)),
    Command.ACCEPT: lambda notice, by: notice.accept(by, NOW),
    Command.DEFER: lambda notice, by: notice.defer(by, NOW),
    Command.REFUSE: lambda notice, by: notice.refuse(by, NOW),
    Command.EXHAUST: lambda notice, by: notice.exhaust(by, NOW),
    Command.SUPPRESS: lambda notice, by: notice.suppress(by, NOW, Reason.STALE),
    Command.SUPERSEDE: lambda notice, by: notice.supersede(by, NOW),
    Command.DELIVER: lambda notice, by: notice.deliver(by, NOW),
    Command.BOUNCE: lambda notice, by: notice.bounce(by, NOW),
}

notices = st.builds(
    Notice,
    notice_id=st.uuids(),
    template=st.just("appointment_booked"),
    audience=st.just("person"),
    channels=st.sampled_from([("email",), ("sms", "email")]),
    due_at=st.just(NOW),
    not_after=st.sampled_from([NOW + timedelta(seconds=40), NOW + timedelta(days=3)]),
    state=st.sampled_from(State),
    channel=st.sampled_from([None, "email", "sms"]),
    tried=st.sampled_from([(), ("sms",)]),
    attempts=st.integers(0, len(RETRY_DELAYS)),
    superseded_at=st.sampled_from([None, NOW]),
)


def one(state: State = State.SENDING, **changes: object) -> Notice:
    notice = Notice(
        UUID(int=7), "appointment_booked", "person", ("email", "sms"), NOW, NOW + timedelta(days=3), state=state
    )
    notice.try_channel("email")
    for name, value in changes.items():
        setattr(notice, name, value)
    return notice


@given(notice=notices, command=st.sampled_from(Command), by=st.sampled_from(Actor))
def test_any_command_by_anybody_follows_the_table_or_changes_nothing(
    notice: Notice, command: Command, by: Actor
) -> None:
    before = asdict(notice)
    targets = TABLE.get((State(before["state"]), command))
    if targets is None or by not in ACTORS_OF[command]:
        with pytest.raises(NoticeRefused) as refused:
            DO[command](notice, by)
        assert refused.value.code in {"illegal_transition", "wrong_actor"}
        assert asdict(notice) == before
        return
    told = DO[command](notice, by)
    assert notice.state in targets
    assert notice.version > before["version"]
    assert [fact.version for fact in told] == [notice.version] * len(told)


@given(notice=notices, commands=st.lists(st.tuples(st.sampled_from(Command), st.sampled_from(Actor)), max_size=30))
def test_what_is_told_once_is_told_once_whatever_happens(notice: Notice, commands: list[tuple[Command, Actor]]) -> None:
    notice.state, told = State.REQUESTED, []
    for command, by in commands:
        try:
            told += DO[command](notice, by)
        except NoticeRefused:
            continue
    kinds = [fact.kind for fact in told]
    for ending in (Kind.SUPPRESSED, Kind.SUPERSEDED, Kind.EXHAUSTED, Kind.DELIVERED):
        assert kinds.count(ending) <= 1
    ends = sum(kinds.count(kind) for kind in (Kind.SUPPRESSED, Kind.SUPERSEDED, Kind.EXHAUSTED))
    assert ends <= 1
    # Sent again only after the carrier took it back.
    assert kinds.count(Kind.SENT) <= len(notice.channels) + 1


def test_every_command_leads_somewhere_and_every_ending_stays() -> None:
    assert {command for _, command in TABLE} == set(Command) == set(DO)
    assert {state for state, _ in TABLE} == {*OPEN, State.SENT}


def test_temporary_refusals_are_retried_later_and_later_then_on_the_next_channel() -> None:
    notice, delays = one(), []
    for _ in RETRY_DELAYS:
        assert notice.defer(Actor.WORKER, NOW) == []
        delays.append(notice.due_at - NOW)
        notice.take(Actor.WORKER, NOW)
    assert delays == sorted(delays)
    assert all(expected <= delay <= expected * 1.25 for expected, delay in zip(RETRY_DELAYS, delays, strict=True))

    notice.defer(Actor.WORKER, NOW)

    assert (notice.state, notice.tried, notice.left(), notice.due_at) == (State.FALLBACK, ("email",), ["sms"], NOW)


def test_retry_that_would_be_too_late_goes_to_the_next_channel() -> None:
    notice = one(not_after=NOW + timedelta(seconds=20))
    notice.defer(Actor.WORKER, NOW)
    assert notice.state is State.FALLBACK


def test_last_channel_refused_is_a_task_for_a_human() -> None:
    notice = one(tried=("sms",))
    (told,) = notice.refuse(Actor.WORKER, NOW)
    assert (told.kind, notice.state) == (Kind.EXHAUSTED, State.EXHAUSTED)


def test_bad_receipt_of_a_text_message_leads_to_the_next_channel() -> None:
    notice = one(State.SENT)
    assert notice.bounce(Actor.CARRIER, NOW) == []
    assert (notice.state, notice.left()) == (State.FALLBACK, ["sms"])


@pytest.mark.parametrize("then", [Command.RELEASE, Command.DEFER, Command.REFUSE])
def test_fact_that_comes_during_the_sending_counts_when_it_fails(then: Command) -> None:
    notice = one()
    assert notice.supersede(Actor.FACT, NOW) == []
    (told,) = DO[then](notice, Actor.WORKER)
    assert (told.kind, notice.state) == (Kind.SUPERSEDED, State.SUPERSEDED)


def test_fact_that_comes_during_the_sending_is_too_late_when_it_succeeds() -> None:
    notice = one()
    notice.supersede(Actor.FACT, NOW)
    (told,) = notice.accept(Actor.WORKER, NOW)
    assert (told.kind, told.channel, notice.state) == (Kind.SENT, "email", State.SENT)


def test_waiting_for_a_dependency_counts_for_nothing_however_long() -> None:
    notice = one()
    for _ in range(1000):
        notice.release(Actor.WORKER, NOW, timedelta(seconds=10))
        notice.take(Actor.WORKER, NOW)
    assert (notice.attempts, notice.takes, notice.tried) == (0, 1, ())


def test_leases_that_end_unrecorded_do_count() -> None:
    notice = one()
    for _ in range(5):
        notice.release(Actor.WORKER, NOW)
        notice.take(Actor.WORKER, NOW)
    assert notice.takes == 5
