"""Events of other services, into the streams: one batch, one transaction, a bounded number of statements.

A type that is not in MATTERS enters no stream. A lock that cannot be had in time is waited for like any dependency:
nothing is set aside because somebody edits a territory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg

from chassis.clock import Clock
from chassis.consumer import Subscription
from chassis.db import Tx
from chassis.errors import DependencyDown
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
    PersonErased,
    PersonIdentified,
    PersonTierChanged,
    ReferralAccepted,
    ReferralDeclined,
    ReferralExpired,
    ReferralMoved,
    ReferralOpened,
    ReferralOverdue,
    ReferralReceived,
    ReferralReviewStarted,
    ReferralSubmitted,
    ReferralWithdrawn,
    topic_for,
)
from maillage_contracts.referrals import ReferralEvent
from partners.adapters.copies import SourceCopies
from partners.adapters.events import ScopeEvents
from partners.adapters.postgres.referrals import PostgresReferrals
from partners.adapters.postgres.streams import PostgresStreams
from partners.adapters.steps import known_steps
from partners.app.project_events import Told, project_events
from partners.domain.stream import Fact, KnownReferral, Matter, Routing

STATUS: Mapping[type[Event], tuple[str, str]] = {
    ReferralSubmitted: ("submitted", "submitted_at"),
    ReferralReceived: ("received", "received_at"),
    ReferralReviewStarted: ("under_review", "started_at"),
    ReferralAccepted: ("accepted", "accepted_at"),
    ReferralDeclined: ("declined", "declined_at"),
    ReferralWithdrawn: ("withdrawn", "withdrawn_at"),
    ReferralOverdue: ("overdue", "overdue_at"),
    ReferralExpired: ("expired", "expired_at"),
}
"""Where a referral stands after an event, and the field that says since when."""

_TYPES: Mapping[Matter, tuple[type[Event], ...]] = {
    Matter.REFERRAL: (*STATUS, ReferralOpened),
    Matter.MOVE: (ReferralMoved,),
    Matter.IDENTITY: (PersonIdentified,),
    Matter.TIER: (PersonTierChanged,),
    Matter.ERASURE: (PersonErased,),
    Matter.ACCOMPANIMENT: (
        AccompanimentProposed,
        AccompanimentAccepted,
        AccompanimentActivated,
        AccompanimentRefused,
        AccompanimentEnded,
    ),
    Matter.PLAN: (AccompanimentPlanChanged, AccompanimentTermDue, AccompanimentReviewDue, AccompanimentReviewed),
    Matter.APPOINTMENT: (
        AppointmentProposed,
        AppointmentBooked,
        AppointmentPostponed,
        AppointmentHeld,
        AppointmentCancelled,
    ),
    Matter.ABSENCE: (AppointmentMissed,),
    Matter.ENROLMENT: (
        EnrolmentRequested,
        EnrolmentFoundIneligible,
        EnrolmentSeatHeld,
        EnrolmentConfirmed,
        EnrolmentWaitlisted,
        EnrolmentSeatOffered,
        EnrolmentOfferExpired,
        EnrolmentRefused,
        EnrolmentWithdrawn,
        EnrolmentStarted,
        EnrolmentCompleted,
        EnrolmentEndedEarly,
    ),
}

MATTERS: Mapping[type[Event], Matter] = MappingProxyType(
    {model: matter for matter, models in _TYPES.items() for model in models}
)
"""Every event that enters streams, and what it is about."""


def subscriptions(clock: Clock) -> list[Subscription]:
    """Return what partners read: the topics of the events in MATTERS."""

    async def project(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        try:
            await project_events(
                PostgresStreams(tx),
                PostgresReferrals(tx),
                SourceCopies(deliveries, clock),
                ScopeEvents(),
                told_by(deliveries),
                clock.now(),
            )
        except asyncpg.LockNotAvailableError:
            raise DependencyDown("a stream is locked by somebody else for longer than lock_timeout") from None

    by_topic: dict[str, set[type[Event]]] = {}
    for model in MATTERS:
        by_topic.setdefault(topic_for(model).name, set()).add(model)
    return [Subscription(topic, many=project, many_types=frozenset(types)) for topic, types in by_topic.items()]


def told_by(deliveries: Sequence[Delivery]) -> Told:
    """Return what a batch tells."""
    return Told(
        [fact_of(delivery) for delivery in deliveries],
        known_referrals(deliveries),
        known_steps(deliveries),
        known_persons(deliveries),
        moves_of(deliveries),
    )


def moves_of(deliveries: Sequence[Delivery]) -> dict[UUID, KnownReferral]:
    """Return each referral whose person moved as the move left it, by the event."""
    moves = [delivery for delivery in deliveries if isinstance(delivery.event, ReferralMoved)]
    return {delivery.envelope.id: known for delivery in moves if (known := _known(delivery)) is not None}


def fact_of(delivery: Delivery) -> Fact:
    """Return what the projection needs of an event."""
    event: Any = delivery.event
    found = getattr(event, "routing", None)
    return Fact(
        delivery.envelope.id,
        MATTERS[type(event)],
        None if found is None else _routing(found),
        getattr(event, "subject_ref", None),
        delivery.envelope.type,
        event.previous_commune if isinstance(event, ReferralMoved) else None,
        event.referral_id if isinstance(event, ReferralEvent | PersonIdentified) else None,
        delivery.envelope.time,
    )


def known_persons(deliveries: Sequence[Delivery]) -> dict[UUID, UUID]:
    """Return whose each referral is, of those of which an event of this batch says so.

    Not `person.identified` alone: steps are told for years, and who starts later than a topic keeps has not read it.
    """
    events: list[Any] = [delivery.event for delivery in deliveries]
    named = [one for one in events if getattr(one, "subject_ref", None) and getattr(one, "referral_id", None)]
    return {one.referral_id: one.subject_ref for one in named}


def known_referrals(deliveries: Sequence[Delivery]) -> list[KnownReferral]:
    """Return where each referral of the batch stands after it, once each."""
    known: dict[UUID, KnownReferral] = {}
    for delivery in deliveries:
        found = _known(delivery)
        if found is not None:
            before = known.get(found.referral_id)
            known[found.referral_id] = found if before is None else before.then(found)
    return sorted(known.values(), key=attrgetter("referral_id"))


def _known(delivery: Delivery) -> KnownReferral | None:
    event: Any = delivery.event
    if isinstance(event, ReferralOpened):
        # It moves the version and nothing else; what is said of the referral later has a later version.
        status, since = event.status, "changed_at"
    elif isinstance(event, ReferralMoved):
        status, since = event.status, "moved_at"
    elif type(event) in STATUS:
        status, since = STATUS[type(event)]
    else:
        return None
    submission = event if isinstance(event, ReferralSubmitted | ReferralMoved) else None
    return KnownReferral(
        referral_id=event.referral_id,
        version=event.aggregate_version,
        status=status,
        routing=_routing(event.routing),
        themes=None if submission is None else submission.themes,
        submitted_at=None if submission is None else submission.submitted_at,
        changed_at=getattr(event, since),
        correlation_id=delivery.envelope.correlation_id,
        moved=isinstance(event, ReferralMoved),
    )


def _routing(found: Any) -> Routing:
    return Routing(
        found.commune,
        found.referrer_organisation_id,
        found.receiver_organisation_id,
        found.sender_kind,
        found.employment_organisation_id,
        found.training_organisation_id,
    )
