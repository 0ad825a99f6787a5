"""Where accompaniments, appointments and enrolments stand after their events: what a snapshot says of a referral."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

from chassis.records import Delivery
from maillage_contracts import (
    AccompanimentAccepted,
    AccompanimentActivated,
    AccompanimentEnded,
    AccompanimentPlanChanged,
    AccompanimentProposed,
    AccompanimentRefused,
    AccompanimentReviewDue,
    AccompanimentReviewed,
    AccompanimentTermDue,
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
from partners.domain.stream import KnownStep

OPEN: Mapping[type[Event], str] = {
    AccompanimentProposed: "proposed",
    AccompanimentAccepted: "accepted_by_one",
    AccompanimentActivated: "active",
    AccompanimentReviewDue: "review_due",
    AccompanimentReviewed: "active",
    AppointmentProposed: "proposed",
    AppointmentBooked: "booked",
    AppointmentPostponed: "postponed",
    EnrolmentRequested: "requested",
    EnrolmentSeatHeld: "seat_held",
    EnrolmentConfirmed: "confirmed",
    EnrolmentWaitlisted: "waitlisted",
    EnrolmentSeatOffered: "seat_offered",
    EnrolmentOfferExpired: "offer_expired",
    EnrolmentStarted: "attending",
}
"""Events after which something is still to come, and what the step is then."""

OVER: Mapping[type[Event], str] = {
    AccompanimentRefused: "refused",
    AccompanimentEnded: "ended",
    AppointmentHeld: "held",
    AppointmentMissed: "missed",
    AppointmentCancelled: "cancelled",
    EnrolmentFoundIneligible: "ineligible",
    EnrolmentRefused: "refused",
    EnrolmentWithdrawn: "withdrawn",
    EnrolmentCompleted: "completed",
    EnrolmentEndedEarly: "ended_early",
}
"""Events after which no snapshot speaks of the step."""

BESIDE = (AccompanimentPlanChanged, AccompanimentTermDue)
"""Events that change nothing of the step: what it leads to is known from them, where nothing else was read of it."""


def known_steps(deliveries: Sequence[Delivery]) -> list[KnownStep]:
    """Return where each step of the batch stands after it, once each, by id."""
    known: dict[UUID, KnownStep] = {}
    for delivery in deliveries:
        found = _known(delivery)
        if found is not None and ((before := known.get(found.step_id)) is None or found.version > before.version):
            known[found.step_id] = found
    return sorted(known.values(), key=attrgetter("step_id"))


def _known(delivery: Delivery) -> KnownStep | None:
    event: Any = delivery.event
    kind = type(event)
    status = OPEN.get(kind) or OVER.get(kind) or ("unknown" if kind in BESIDE else None)
    if status is None:
        return None
    return KnownStep(
        kind=event.aggregate_field.removesuffix("_id"),
        step_id=getattr(event, event.aggregate_field),
        referral_id=event.referral_id,
        # Gives way to any event that says where the step stands.
        version=0 if kind in BESIDE else event.aggregate_version,
        status=status,
        open=kind in OPEN,
        changed_at=delivery.envelope.time,
    )
