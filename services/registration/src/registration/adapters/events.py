"""From facts of the domain to contract events: the only place that knows both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.ids import derived_id, new_id
from chassis.outbox import OutboxRow, prepare
from maillage_contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentHeld,
    AppointmentMissed,
    AppointmentPostponed,
    AppointmentProposed,
    Envelope,
    Event,
    PersonErased,
    PersonIdentified,
    PersonTierChanged,
    ReferralSubmitted,
    Routing,
)
from registration.domain.accompaniment import Accompaniment
from registration.domain.appointment import Appointment, Fact, What
from registration.domain.registration import Erasure, Identified
from registration.domain.support import TierChanged

CONSUMER = "registration.identify"
TIER = "registration.tier"
"""Name what is derived from an event that led here; changing one would rename what is redone after an upgrade."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that led here: it gives the story, the routing and, derived, our own event's id."""

    event: ReferralSubmitted
    envelope: Envelope


def row_for(fact: Identified, cause: Cause) -> OutboxRow:
    """Encode the event that tells who the person of a referral is: redone work makes the same id."""
    event = PersonIdentified(
        subject_ref=fact.subject_ref,
        aggregate_version=fact.version,
        referral_id=fact.referral_id,
        routing=cause.event.routing,
        outcome=fact.outcome,
        identified_at=fact.at,
    )
    return prepare(
        event,
        at=fact.at,
        correlation_id=cause.envelope.correlation_id,
        causation_id=cause.envelope.id,
        event_id=derived_id(cause.envelope.id, CONSUMER),
    )


def erased_row(fact: Erasure) -> OutboxRow:
    """Encode the event that tells an erasure: a story of its own, since it ends every other of this person."""
    event = PersonErased(subject_ref=fact.subject_ref, aggregate_version=fact.version, erased_at=fact.at)
    return prepare(event, at=fact.at, correlation_id=new_id())


def tier_row(fact: TierChanged, story: Accompaniment, cause: Envelope) -> OutboxRow:
    """Encode the event that tells a new tier: redone work makes the same id."""
    event = PersonTierChanged(
        subject_ref=fact.subject_ref,
        aggregate_version=fact.version,
        referral_id=fact.referral_id,
        accompaniment_id=fact.accompaniment_id,
        routing=_routing(story),
        tier=fact.tier,
        previous_tier=fact.previous,
        reason=fact.reason,
        changed_at=fact.at,
    )
    return prepare(
        event,
        at=fact.at,
        correlation_id=story.correlation_id,
        causation_id=cause.id,
        event_id=derived_id(cause.id, TIER),
    )


def appointment_rows(appointment: Appointment, facts: Sequence[Fact]) -> list[OutboxRow]:
    """Encode what happened to an appointment, in its order, in the accompaniment's story: a human caused it."""
    correlation_id = appointment.accompaniment.correlation_id
    return [prepare(event_for(appointment, fact), at=fact.at, correlation_id=correlation_id) for fact in facts]


def event_for(appointment: Appointment, fact: Fact) -> Event:
    """Return the contract event that tells `fact`, the last or the last but one that happened to `appointment`."""
    common = _common(appointment, fact)
    match fact.what:
        case What.PROPOSED:
            return AppointmentProposed(**common, **_how(appointment), options=appointment.options, proposed_at=fact.at)
        case What.BOOKED:
            return AppointmentBooked(**common, **_how(appointment), starts_at=_date(fact), booked_at=fact.at)
        case What.POSTPONED:
            return AppointmentPostponed(**common, previous_starts_at=_date(fact))
        case What.HELD:
            return AppointmentHeld(**common, held_at=fact.at)
        case What.MISSED:
            return AppointmentMissed(**common, missed_at=fact.at)
        case What.CANCELLED_BY_PERSON:
            return AppointmentCancelled(**common, cancelled_by="person", cancelled_at=fact.at)
        case What.CANCELLED_BY_SERVICE:
            return AppointmentCancelled(**common, cancelled_by="service", cancelled_at=fact.at)


def _date(fact: Fact) -> datetime:
    if fact.starts_at is None:
        raise ValueError(f"{fact.what} has its date")
    return fact.starts_at


def _common(appointment: Appointment, fact: Fact) -> dict[str, Any]:
    accompaniment = appointment.accompaniment
    return {
        "appointment_id": appointment.appointment_id,
        "aggregate_version": fact.version,
        "accompaniment_id": accompaniment.accompaniment_id,
        "referral_id": accompaniment.referral_id,
        "subject_ref": accompaniment.subject_ref,
        "routing": _routing(accompaniment),
    }


def _how(appointment: Appointment) -> dict[str, Any]:
    return {
        "organiser_organisation_id": appointment.organiser_id,
        "modality": appointment.modality,
        "duration_minutes": appointment.duration_minutes,
    }


def _routing(story: Accompaniment) -> Routing:
    return Routing(
        commune=story.commune,
        referrer_organisation_id=story.referrer_id,
        receiver_organisation_id=story.council_id,
        sender_kind=story.referrer_kind,
        employment_organisation_id=story.employment_id,
    )
