"""Kafka in: what accompaniments ask of enrolments, and persons who were erased.

Topics promise no order among them: an erasure may come before the accompaniment that it concerns, and is remembered.
Of one accompaniment the newest event counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from chassis.clock import Clock
from chassis.consumer import HandleOne, Subscription
from chassis.crypto import Vault
from chassis.db import Tx
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
    Envelope,
    Event,
    PersonErased,
    topic_for,
)
from training.adapters.events import Because
from training.adapters.postgres.accompaniments import PostgresAccompaniments, lock_all
from training.adapters.postgres.book import PostgresBook
from training.app.follow_accompaniment import Heard, follow_plan, leave_accompaniment
from training.app.forget_person import forget_person
from training.domain.accompaniment import Accompaniment, AccompanimentStatus
from training.domain.plan import PlannedTraining

Status = AccompanimentStatus
Projected: TypeAlias = (
    AccompanimentProposed | AccompanimentAccepted | AccompanimentActivated | AccompanimentReviewDue
    | AccompanimentReviewed
)  # fmt: skip
Left: TypeAlias = AccompanimentRefused | AccompanimentEnded

STATUSES: Mapping[type[Event], Status] = {
    AccompanimentProposed: Status.PROPOSED,
    AccompanimentAccepted: Status.ACCEPTED_BY_ONE,
    AccompanimentActivated: Status.ACTIVE,
    AccompanimentReviewDue: Status.REVIEW_DUE,
    AccompanimentReviewed: Status.ACTIVE,
    AccompanimentRefused: Status.REFUSED,
    AccompanimentEnded: Status.ENDED,
    # A plan is changed while both sides agree.
    AccompanimentPlanChanged: Status.ACTIVE,
}
"""What each event says of the accompaniment. A term that falls due says nothing of it."""


def subscriptions(vault: Vault, clock: Clock) -> list[Subscription]:
    """Return what this service consumes."""

    async def on_projected(tx: Tx, delivery: Delivery, _: Any) -> None:
        event = delivery.event
        assert isinstance(event, Projected)
        accompaniment = _accompaniment(event, delivery.envelope)
        await PostgresAccompaniments(tx, vault).hear(accompaniment, event.aggregate_version)

    async def on_plan(tx: Tx, delivery: Delivery, _: Any) -> None:
        event, because = delivery.event, Because(delivery.envelope.id)
        assert isinstance(event, AccompanimentPlanChanged)
        await follow_plan(
            Heard(_accompaniment(event, delivery.envelope), event.aggregate_version, event.changed_by),
            _trainings(event),
            accompaniments=PostgresAccompaniments(tx, vault),
            book=PostgresBook(tx, because),
            new_id=because.new_id,
            now=clock.now(),
        )

    async def on_left(tx: Tx, delivery: Delivery, _: Any) -> None:
        event = delivery.event
        assert isinstance(event, Left)
        by = event.refused_by if isinstance(event, AccompanimentRefused) else event.ended_by
        await leave_accompaniment(
            Heard(_accompaniment(event, delivery.envelope), event.aggregate_version, by),
            accompaniments=PostgresAccompaniments(tx, vault),
            book=PostgresBook(tx, Because(delivery.envelope.id)),
            now=clock.now(),
        )

    async def on_erased(tx: Tx, delivery: Delivery, _: Any) -> None:
        event = delivery.event
        assert isinstance(event, PersonErased)
        await forget_person(
            event.subject_ref,
            accompaniments=PostgresAccompaniments(tx, vault),
            book=PostgresBook(tx, Because(delivery.envelope.id)),
            now=clock.now(),
        )

    handlers: dict[type[Event], HandleOne] = dict.fromkeys(STATUSES, on_projected)
    handlers |= {AccompanimentPlanChanged: on_plan, AccompanimentRefused: on_left, AccompanimentEnded: on_left}
    return [
        Subscription(topic=topic_for(AccompanimentPlanChanged).name, one=handlers, locks=lock_accompaniments),
        Subscription(topic=topic_for(PersonErased).name, one={PersonErased: on_erased}, locks=lock_persons),
    ]


async def lock_accompaniments(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Lock everybody whom a batch of accompaniments concerns, before any of its plans locks a session."""
    events = [d.event for d in deliveries if isinstance(d.event, Projected | Left | AccompanimentPlanChanged)]
    await lock_all(
        tx,
        persons={event.subject_ref for event in events},
        accompaniments={event.accompaniment_id for event in events},
    )


async def lock_persons(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Lock everybody whom a batch of erasures concerns, before any of them frees a seat."""
    await lock_all(tx, persons={d.event.subject_ref for d in deliveries if isinstance(d.event, PersonErased)})


def _accompaniment(event: Projected | Left | AccompanimentPlanChanged, envelope: Envelope) -> Accompaniment:
    routing = event.routing
    return Accompaniment(
        accompaniment_id=event.accompaniment_id,
        referral_id=event.referral_id,
        subject_ref=event.subject_ref,
        correlation_id=envelope.correlation_id,
        commune=routing.commune,
        referrer_id=routing.referrer_organisation_id,
        sender_kind=routing.sender_kind,
        council_id=routing.receiver_organisation_id,
        employment_id=routing.employment_organisation_id,
        status=STATUSES[type(event)],
    )


def _trainings(event: AccompanimentPlanChanged) -> list[PlannedTraining]:
    return [
        PlannedTraining(action.action_id, action.session_id, action.state)
        for action in event.actions
        if action.kind == "training"
    ]
