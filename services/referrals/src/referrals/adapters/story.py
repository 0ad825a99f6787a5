"""Steps of the story: from events of other services to rows, and back to the pages that show them.

A row per event, under the event's id: delivered twice it is stored once. Of `AppointmentPostponed` only the instant is
kept, which is all that "another date will follow" needs (POSTPONEMENT_READERS).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any
from uuid import UUID

from chassis.db import Tx
from chassis.records import Delivery
from maillage_contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentHeld,
    AppointmentMissed,
    AppointmentPostponed,
    AppointmentProposed,
    EnrolmentCompleted,
    EnrolmentConfirmed,
    EnrolmentEndedEarly,
    EnrolmentFoundIneligible,
    EnrolmentOfferExpired,
    EnrolmentRefused,
    EnrolmentRequested,
    EnrolmentSeatHeld,
    EnrolmentSeatOffered,
    EnrolmentStarted,
    EnrolmentWaitlisted,
    EnrolmentWithdrawn,
    Event,
)
from maillage_contracts.enrolments import EnrolmentEvent
from referrals.domain.story import APPOINTMENT, ENROLMENT, StoryStep

# unnest takes the columns in the order of StoryStep's fields; the primary key makes a repeat change nothing.
ADD_STEPS = """
INSERT INTO story_steps (event_id, referral_id, aggregate_id, version, at, step, by, accompaniment_id, organisation_id,
    starts_at, modality, action_id, session_id, rank)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[],
    $8::uuid[], $9::uuid[], $10::timestamptz[], $11::text[], $12::uuid[], $13::uuid[], $14::integer[])
ON CONFLICT (event_id) DO NOTHING
"""
# story_steps_referral, in its order: by time; what happened to one thing at one instant, by version.
STEPS = """
SELECT event_id, referral_id, aggregate_id, version, at, step, by, accompaniment_id, organisation_id, starts_at,
    modality, action_id, session_id, rank
FROM story_steps WHERE referral_id = $1 ORDER BY at, aggregate_id, version
"""

Details = Callable[[Any], Mapping[str, Any]]


def _nothing(_: Any) -> Mapping[str, Any]:
    return {}


def _offered(event: AppointmentProposed) -> Mapping[str, Any]:
    return {"organisation_id": event.organiser_organisation_id, "modality": event.modality}


def _booked(event: AppointmentBooked) -> Mapping[str, Any]:
    return {
        "organisation_id": event.organiser_organisation_id, "modality": event.modality, "starts_at": event.starts_at
    }  # fmt: skip


APPOINTMENTS: Mapping[type[Event], tuple[str, Details]] = {
    AppointmentProposed: ("proposed", _offered),
    AppointmentBooked: ("booked", _booked),
    AppointmentPostponed: ("postponed", _nothing),
    AppointmentHeld: ("held", _nothing),
    AppointmentMissed: ("missed", _nothing),
    AppointmentCancelled: ("cancelled", _nothing),
}
"""What is kept of each fact besides that it happened. Who postponed or cancelled, and why, is not."""

ENROLMENTS: Mapping[type[Event], str] = {
    EnrolmentRequested: "requested",
    EnrolmentFoundIneligible: "found_ineligible",
    EnrolmentSeatHeld: "seat_held",
    EnrolmentConfirmed: "confirmed",
    EnrolmentWaitlisted: "waitlisted",
    EnrolmentSeatOffered: "seat_offered",
    EnrolmentOfferExpired: "offer_expired",
    EnrolmentRefused: "refused",
    EnrolmentWithdrawn: "withdrawn",
    EnrolmentStarted: "started",
    EnrolmentCompleted: "completed",
    EnrolmentEndedEarly: "ended_early",
}


async def add_steps(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Store what other services told, one statement for the batch."""
    steps = [step_of(delivery) for delivery in deliveries]
    await tx.execute(ADD_STEPS, *(list(column) for column in zip(*(astuple(step) for step in steps), strict=True)))


async def story_of(tx: Tx, referral_id: UUID) -> tuple[StoryStep, ...]:
    """Return the steps that followed from a referral, in order."""
    return tuple(StoryStep(**dict(row)) for row in await tx.fetch(STEPS, referral_id))


def step_of(delivery: Delivery) -> StoryStep:
    """Return the step that an event of an appointment or an enrolment is."""
    event: Any = delivery.event
    if isinstance(event, EnrolmentEvent):
        aggregate_id, by, step, details = event.enrolment_id, "training", _enrolment_step(event), _enrolment(event)
    else:
        name, details_of = APPOINTMENTS[type(event)]
        aggregate_id, by, step, details = event.appointment_id, "registration", APPOINTMENT + name, details_of(event)
    return StoryStep(
        event_id=delivery.envelope.id,
        referral_id=event.referral_id,
        aggregate_id=aggregate_id,
        version=event.aggregate_version,
        at=delivery.envelope.time,
        step=step,
        by=by,
        accompaniment_id=event.accompaniment_id,
        **details,
    )


def _enrolment_step(event: EnrolmentEvent) -> str:
    return ENROLMENT + ENROLMENTS[type(event)]


def _enrolment(event: EnrolmentEvent) -> Mapping[str, Any]:
    return {
        "organisation_id": event.routing.training_organisation_id,
        "starts_at": event.starts_at,
        "action_id": event.action_id,
        "session_id": event.session_id,
        "rank": event.rank if isinstance(event, EnrolmentWaitlisted) else None,
    }
