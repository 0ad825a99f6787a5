"""Whatever is asked of an appointment, in whatever state, by whomever: the table is followed, or nothing changes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields, replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.domain.accompaniment import Standing
from registration.domain.appointment import OPTIONS_MAX, Appointment, Ask, Fact, Modality, What
from registration.domain.appointment_table import TABLE, Actor, Command, State, may_ever
from registration.domain.errors import (
    IllegalTransition,
    InputRefused,
    OptionGone,
    RegistrationRefused,
    TooEarly,
    TooLate,
    WrongParty,
)

from .conftest import COUNCIL, EMPLOYMENT, NOW, accompaniment, booked

HOURS = st.integers(-4, 4).map(lambda n: NOW + timedelta(hours=n))
DATED = (State.BOOKED, State.HELD, State.MISSED)


@st.composite
def appointments(draw: st.DrawFn) -> Appointment:
    state = draw(st.sampled_from(State))
    dated = state in DATED or (state.startswith("cancelled") and draw(st.booleans()))
    options = draw(st.lists(HOURS, max_size=OPTIONS_MAX, unique=True))
    return Appointment(
        appointment_id=UUID(int=9),
        accompaniment=accompaniment(draw(st.sampled_from(Standing))),
        organiser_id=draw(st.sampled_from([COUNCIL, EMPLOYMENT])),
        modality=draw(st.sampled_from(Modality)),
        duration_minutes=45,
        options=tuple(sorted(options)),
        starts_at=draw(HOURS) if dated else None,
        state=state,
        version=draw(st.integers(0, 9)),
    )


def asks() -> st.SearchStrategy[Ask]:
    dates = st.lists(HOURS, max_size=OPTIONS_MAX + 1).map(tuple)
    return st.builds(Ask, st.sampled_from(Command), st.none() | HOURS, dates)


@settings(max_examples=600)  # most commands are refused in most states: enough of those that are not
@given(appointments(), st.lists(st.tuples(asks(), st.sampled_from(Actor), HOURS), min_size=1, max_size=8))
def test_every_command_follows_the_table_or_changes_nothing(
    appointment: Appointment, acts: list[tuple[Ask, Actor, datetime]]
) -> None:
    for ask, actor, now in acts:
        before = deepcopy(appointment)
        target = TABLE.get((before.state, ask.command, actor))
        facts = attempt(appointment, ask, actor, now)
        if isinstance(facts, RegistrationRefused):
            assert appointment == before
            assert facts.code
            if target is None:
                assert isinstance(facts, IllegalTransition if may_ever(ask.command, actor) else WrongParty)
            continue
        assert target is not None
        assert ask.command in before.allowed(actor, now)
        at_once = ask.command is Command.POSTPONEMENT and ask.starts_at is not None
        assert appointment.state is (State.BOOKED if at_once else target)
        assert [fact.version for fact in facts] == [before.version + n for n in range(1, 3 if at_once else 2)]
        assert appointment.version == facts[-1].version
        consistent(before, appointment, ask, now)


def attempt(appointment: Appointment, ask: Ask, actor: Actor, now: datetime) -> tuple[Fact, ...] | RegistrationRefused:
    try:
        return appointment.decide(ask, actor, now)
    except RegistrationRefused as refused:
        return refused


def consistent(before: Appointment, after: Appointment, ask: Ask, now: datetime) -> None:
    """Say again, in other words than the domain's, what the times of an appointment must be."""
    assert (after.starts_at is not None) or after.state not in DATED
    assert after.starts_at is None or after.state not in (State.PROPOSED, State.POSTPONED)
    if ask.command in (Command.BOOKING, Command.POSTPONEMENT) and after.state is State.BOOKED:
        assert after.starts_at == ask.starts_at
        assert after.starts_at is not None
        assert after.starts_at > now
        assert after.starts_at in before.options
        assert after.starts_at not in after.options
    if ask.command is Command.POSTPONEMENT:
        assert before.starts_at is not None
        assert now < before.starts_at
    if ask.command in (Command.HOLDING, Command.ABSENCE):
        assert before.starts_at is not None
        assert now >= before.starts_at
    if ask.command in (Command.PROPOSAL, Command.OPTIONS):
        assert after.accompaniment.is_joint
        assert sorted(ask.options) == list(after.options)
        assert all(option > now for option in after.options)


@given(appointments(), st.sampled_from(Command), st.sampled_from(Actor), HOURS)
def test_what_is_not_allowed_is_refused(
    appointment: Appointment, command: Command, actor: Actor, now: datetime
) -> None:
    if command in appointment.allowed(actor, now):
        ask = Ask(command, next(iter(appointment.future_options(now)), None), (now + timedelta(hours=1),))
        if command is Command.POSTPONEMENT:
            ask = Ask(command)
        assert appointment.decide(ask, actor, now)
    else:
        with pytest.raises(RegistrationRefused):
            appointment.decide(Ask(command, NOW, (now + timedelta(hours=1),)), actor, now)


@given(appointments(), st.none() | HOURS, HOURS)
def test_nothing_of_a_postponement_depends_on_who_asked(
    appointment: Appointment, date: datetime | None, now: datetime
) -> None:
    left = []
    for actor in Actor:
        one = deepcopy(appointment)
        told = attempt(one, Ask(Command.POSTPONEMENT, date), actor, now)
        left.append((type(told) if isinstance(told, RegistrationRefused) else told, one))
    assert left[0] == left[1] == left[2]


def test_fact_of_a_postponement_has_room_for_a_date_only() -> None:
    assert {field.name for field in fields(Fact)} == {"what", "version", "at", "starts_at"}


def test_postponing_to_another_date_is_two_facts() -> None:
    first, second = NOW + timedelta(days=1), NOW + timedelta(days=2)
    appointment = booked(first, second)
    facts = appointment.decide(Ask(Command.POSTPONEMENT, second), Actor.PERSON, NOW)
    assert [(fact.what, fact.version, fact.starts_at) for fact in facts] == [
        (What.POSTPONED, 3, first), (What.BOOKED, 4, second)
    ]  # fmt: skip
    assert (appointment.state, appointment.starts_at, appointment.options) == (State.BOOKED, second, ())


def test_postponing_to_a_date_that_is_not_offered_leaves_the_one_that_is_agreed() -> None:
    appointment = booked(NOW + timedelta(days=1), NOW + timedelta(days=2))
    with pytest.raises(OptionGone):
        appointment.decide(Ask(Command.POSTPONEMENT, NOW + timedelta(days=3)), Actor.PERSON, NOW)
    assert (appointment.state, appointment.version) == (State.BOOKED, 2)


def test_person_postpones_and_cancels_until_it_begins_and_the_service_judges_only_after() -> None:
    appointment, start = booked(), NOW + timedelta(days=1)
    for actor in Actor:
        with pytest.raises(TooLate):
            appointment.decide(Ask(Command.POSTPONEMENT), actor, start)
    with pytest.raises(TooLate):
        appointment.decide(Ask(Command.CANCELLATION), Actor.PERSON, start)
    for command in (Command.HOLDING, Command.ABSENCE):
        with pytest.raises(TooEarly):
            appointment.decide(Ask(command), Actor.ORGANISER, start - timedelta(microseconds=1))
    appointment.decide(Ask(Command.CANCELLATION), Actor.ORGANISER, start)
    assert appointment.state == State.CANCELLED_BY_SERVICE


@pytest.mark.parametrize("command", [Command.HOLDING, Command.ABSENCE, Command.OPTIONS, Command.PROPOSAL])
@pytest.mark.parametrize("actor", [Actor.PERSON, Actor.PARTNER])
def test_only_who_receives_the_person_offers_dates_and_says_how_it_went(command: Command, actor: Actor) -> None:
    with pytest.raises(WrongParty):
        booked().decide(Ask(command), actor, NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("options", "field", "rule"),
    [
        ((), "options", "one_to_five"),
        (tuple(NOW + timedelta(hours=n) for n in range(1, 7)), "options", "one_to_five"),
        ((NOW + timedelta(hours=1),) * 2, "options", "repeated"),
        ((NOW + timedelta(hours=1), NOW), "options[1]", "in_the_past"),
        ((NOW + timedelta(days=367),), "options[0]", "too_far_ahead"),
    ],
)
def test_dates_offered_are_few_different_and_to_come(options: tuple[datetime, ...], field: str, rule: str) -> None:
    appointment = replace(booked(), state=State.DRAFT, starts_at=None)
    with pytest.raises(InputRefused) as refused:
        appointment.decide(Ask(Command.PROPOSAL, options=options), Actor.ORGANISER, NOW)
    assert (refused.value.field, refused.value.rule) == (field, rule)
    assert appointment.state == State.DRAFT


def test_no_new_dates_once_the_accompaniment_is_over() -> None:
    appointment = replace(booked(), accompaniment=accompaniment(Standing.ENDED), state=State.POSTPONED, starts_at=None)
    with pytest.raises(IllegalTransition):
        appointment.decide(Ask(Command.OPTIONS, options=(NOW + timedelta(days=1),)), Actor.ORGANISER, NOW)
    assert Command.OPTIONS not in appointment.allowed(Actor.ORGANISER, NOW)


def test_place_is_not_printed() -> None:
    assert "chez" not in repr(replace(booked(), place="chez quelqu’un"))
