"""Events of other services, into the streams: one batch, one transaction, a bounded number of statements.

A lock that cannot be had in time is waited for like any dependency: nothing is set aside because somebody edits a
territory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any
from uuid import UUID

import asyncpg

from chassis.clock import Clock
from chassis.consumer import Subscription
from chassis.db import Tx
from chassis.errors import DependencyDown
from chassis.records import Delivery
from chassis.telemetry import create_span
from maillage_contracts import (
    Event,
    PersonErased,
    PersonIdentified,
    ReferralAccepted,
    ReferralDeclined,
    ReferralExpired,
    ReferralOverdue,
    ReferralReceived,
    ReferralReviewStarted,
    ReferralSubmitted,
    ReferralWithdrawn,
    topic_for,
)
from maillage_contracts.envelope import CONTENT_TYPE_STRUCTURED
from partners.adapters.events import headers_of, source_of
from partners.adapters.postgres.referrals import PostgresReferrals
from partners.adapters.postgres.streams import PostgresStreams
from partners.app.ports import StreamRow
from partners.app.project_events import project_events
from partners.domain.organisation import Kind
from partners.domain.stream import Fact, KnownReferral, Routing, Stream

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

PERSON_EVENTS: frozenset[type[Event]] = frozenset({PersonIdentified, PersonErased})


def subscriptions(clock: Clock) -> list[Subscription]:
    """Return what partners read: a topic each for referrals and persons."""

    async def project(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        try:
            await project_events(
                PostgresStreams(tx),
                PostgresReferrals(tx),
                SourceCopies(deliveries, clock),
                [fact_of(delivery) for delivery in deliveries],
                known_referrals(deliveries),
                clock.now(),
            )
        except asyncpg.LockNotAvailableError:
            raise DependencyDown("a stream is locked by somebody else for longer than lock_timeout") from None

    return [
        Subscription(topic_for(ReferralSubmitted).name, many=project, many_types=frozenset(STATUS)),
        Subscription(topic_for(PersonIdentified).name, many=project, many_types=PERSON_EVENTS),
    ]


def fact_of(delivery: Delivery) -> Fact:
    """Return what the projection needs of an event."""
    event = delivery.event
    found = getattr(event, "routing", None)
    return Fact(delivery.envelope.id, delivery.envelope.subject, None if found is None else _routing(found))


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
    if type(event) not in STATUS:
        return None
    status, since = STATUS[type(event)]
    submission = event if isinstance(event, ReferralSubmitted) else None
    return KnownReferral(
        referral_id=event.referral_id,
        version=event.aggregate_version,
        status=status,
        routing=_routing(event.routing),
        themes=None if submission is None else submission.themes,
        submitted_at=None if submission is None else submission.submitted_at,
        changed_at=getattr(event, since),
        correlation_id=delivery.envelope.correlation_id,
    )


def _routing(found: Any) -> Routing:
    return Routing(found.commune, found.referrer_organisation_id, found.receiver_organisation_id, found.sender_kind)


class SourceCopies:
    """Implements Copies: the record of each copy is the source's, apart from its source and creation context."""

    def __init__(self, deliveries: Sequence[Delivery], clock: Clock) -> None:
        self._by_id = {delivery.envelope.id: delivery for delivery in deliveries}
        self._clock = clock

    def copy(self, fact: Fact, places: Sequence[tuple[Stream, int]]) -> Sequence[StreamRow]:
        delivery = self._by_id[fact.event_id]
        envelope = delivery.envelope
        payloads = {True: value_of(delivery), False: masked_value_of(delivery)}
        rows = []
        for stream, position in places:
            context = create_span(stream.topic, envelope.id, envelope.correlation_id, cause=envelope.id)
            own = replace(envelope, source=source_of(stream.code), traceparent=context or envelope.traceparent)
            rows.append(
                StreamRow(
                    stream,
                    position,
                    envelope.id,
                    envelope.type,
                    envelope.subject,
                    headers_of(own),
                    payloads[stream.kind is Kind.COUNCIL],
                )
            )
        return rows


def masked_value_of(delivery: Delivery) -> bytes:
    """Return the bytes for an association's stream: not whether, or how often, somebody else referred the person.

    Made once per event, as the council's are; equal to them for every event that says nothing of the kind.
    """
    event = delivery.event
    if not isinstance(event, PersonIdentified):
        return value_of(delivery)
    return event.model_copy(update={"outcome": "identified", "aggregate_version": 1}).model_dump_json().encode()


def value_of(delivery: Delivery) -> bytes:
    """Return the bare event's bytes: those that were read, unless they came wrapped in structured mode."""
    value = delivery.source.value
    kinds = [content or b"" for name, content in delivery.source.headers if name == "content-type"]
    if value is None or any(kind.startswith(CONTENT_TYPE_STRUCTURED.encode()) for kind in kinds):
        return delivery.event.model_dump_json().encode()
    return value
