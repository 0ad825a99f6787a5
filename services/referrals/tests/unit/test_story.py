"""What stands at the end of a story's steps, and who reads which of them."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from chassis.records import Delivery, parse
from chassis.testing.events import source_of_event
from maillage_contracts import AppointmentPostponed, Routing, type_of
from maillage_contracts.topics import APPOINTMENTS as APPOINTMENT_TOPIC
from maillage_contracts.topics import ENROLMENTS as ENROLMENT_TOPIC
from referrals.adapters.story import APPOINTMENTS, ENROLMENTS, step_of
from referrals.domain.story import (
    StoryStep,
    appointments_of,
    enrolment_for,
    enrolments_of,
    on_timeline,
)

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DATES = [START + timedelta(days=n) for n in range(10, 14)]
THING, OTHER = UUID(int=0xA), UUID(int=0xB)
ACTION, SESSION = UUID(int=0xAC), UUID(int=0x5E)


def step(name: str, version: int, **details: Any) -> StoryStep:
    return StoryStep(
        event_id=UUID(int=version), referral_id=UUID(int=1), aggregate_id=details.pop("of", THING), version=version,
        at=START + timedelta(minutes=version), step=name, by="registration", accompaniment_id=UUID(int=2), **details,
    )  # fmt: skip


def booked(version: int, starts_at: datetime) -> StoryStep:
    return step("appointment_booked", version, starts_at=starts_at, modality="phone")


def test_postponed_appointment_has_no_date_until_it_is_booked_again() -> None:
    steps = [step("appointment_proposed", 1, modality="in_person"), booked(2, DATES[0])]
    assert appointments_of(steps)[0].starts_at == DATES[0]
    steps.append(step("appointment_postponed", 3))
    (appointment,) = appointments_of(steps)
    assert (appointment.status, appointment.starts_at, appointment.modality) == ("postponed", None, "phone")
    steps.append(step("appointment_proposed", 4, modality="in_person"))
    assert appointments_of(steps)[0].status == "postponed"
    steps.append(booked(5, DATES[1]))
    (appointment,) = appointments_of(steps)
    assert (appointment.status, appointment.starts_at) == ("booked", DATES[1])
    steps.append(step("appointment_held", 6))
    assert (appointments_of(steps)[0].status, appointments_of(steps)[0].starts_at) == ("held", DATES[1])


@given(st.lists(st.sampled_from(DATES), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_steps_read_in_any_order_lead_to_the_same_appointment(dates: list[datetime], random: Any) -> None:
    steps = [step("appointment_proposed", 1, modality="chat")]
    for date in dates:
        steps += [booked(len(steps) + 1, date), step("appointment_postponed", len(steps) + 2)]
    steps.pop()
    random.shuffle(steps)
    (appointment,) = appointments_of(steps)
    assert (appointment.status, appointment.starts_at) == ("booked", dates[-1])


def enrolment(name: str, version: int, **details: Any) -> StoryStep:
    return step(name, version, **{"action_id": ACTION, "session_id": SESSION, "starts_at": DATES[2], **details})


def test_enrolment_stands_where_its_newest_step_left_it() -> None:
    steps = [enrolment("enrolment_requested", 1), enrolment("enrolment_waitlisted", 2, rank=3)]
    (found,) = enrolments_of(steps)
    assert (found.status, found.rank, found.starts_at) == ("waitlisted", 3, DATES[2])
    (found,) = enrolments_of([*steps, enrolment("enrolment_seat_offered", 3)])
    assert (found.status, found.rank) == ("seat_offered", None)
    assert enrolments_of([enrolment("enrolment_found_ineligible", 1)])[0].status == "ineligible"


def test_action_shows_the_enrolment_in_the_session_it_names_else_the_newest() -> None:
    elsewhere = UUID(int=0x5F)
    found = enrolments_of([
        enrolment("enrolment_withdrawn", 1, of=OTHER, session_id=elsewhere), enrolment("enrolment_requested", 2),
    ])  # fmt: skip
    for session_id, expected in ((SESSION, THING), (elsewhere, OTHER), (None, THING)):
        chosen = enrolment_for(ACTION, session_id, found)
        assert chosen is not None
        assert chosen.enrolment_id == expected
    assert enrolment_for(UUID(int=0xBAD), SESSION, found) is None


def test_absences_are_for_the_council_and_work_between_the_two_for_neither() -> None:
    names = [
        "accompaniment_active", "accompaniment_plan_changed", "accompaniment_review_due", "accompaniment_reviewed",
        "accompaniment_term_due", "appointment_missed", "enrolment_ended_early", "enrolment_confirmed",
    ]  # fmt: skip
    steps = [step(name, n) for n, name in enumerate(names)]
    for_referrer = [one.step for one in on_timeline(steps, for_referrer=True)]
    assert for_referrer == ["accompaniment_active", "enrolment_confirmed"]
    for_receiver = [one.step for one in on_timeline(steps, for_referrer=False)]
    assert for_receiver == [
        "accompaniment_active", "appointment_missed", "enrolment_ended_early", "enrolment_confirmed"
    ]  # fmt: skip


def test_every_fact_of_the_two_topics_is_a_step() -> None:
    assert {type_of(event) for event in APPOINTMENTS} == set(APPOINTMENT_TOPIC.types)
    assert {type_of(event) for event in ENROLMENTS} == set(ENROLMENT_TOPIC.types)


def test_of_a_postponement_only_the_instant_is_kept() -> None:
    event = AppointmentPostponed(
        appointment_id=THING, accompaniment_id=UUID(int=2), referral_id=UUID(int=1), subject_ref=UUID(int=5),
        aggregate_version=3, previous_starts_at=DATES[0],
        routing=Routing(
            commune="93048", referrer_organisation_id=UUID(int=6), receiver_organisation_id=UUID(int=7),
            sender_kind="association",
        ),
    )  # fmt: skip
    delivery = parse(source_of_event(event))
    assert isinstance(delivery, Delivery)
    kept = step_of(delivery)
    empty = {field.name for field in fields(StoryStep) if getattr(kept, field.name) is None}
    assert empty == {"organisation_id", "starts_at", "modality", "action_id", "session_id", "rank"}
    assert (kept.step, kept.by, kept.at) == ("appointment_postponed", "registration", delivery.envelope.time)
