"""Kafka in: the events that any template looks at, and the erasure of persons.

Which events these are is read from the templates: a new notice subscribes itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chassis.clock import Clock
from chassis.consumer import HandleOne, Subscription
from chassis.db import Tx
from chassis.records import Delivery
from maillage_contracts import Event, PersonErased, topic_for
from notifications.adapters.facts import SUBJECT, fact_of, kept, model_named
from notifications.adapters.postgres.notices import PostgresNotices
from notifications.adapters.spans import present
from notifications.app.forget_person import forget_person
from notifications.app.request_notices import request_notices
from notifications.domain.courtesy import Courtesy
from notifications.domain.template import Catalogue


def subscriptions(catalogue: Catalogue, courtesy: Courtesy, clock: Clock) -> list[Subscription]:
    """Return what this service consumes: one subscription a topic."""

    async def on_event(tx: Tx, delivery: Delivery, _: Any) -> None:
        event, envelope = delivery.event, delivery.envelope
        now = clock.now()
        fact = fact_of(
            event,
            event_id=envelope.id,
            at=envelope.time,
            correlation_id=envelope.correlation_id,
            subject_ref=getattr(event, SUBJECT, None),
        )
        await request_notices(
            fact,
            catalogue=catalogue,
            notices=PostgresNotices(tx, now, cause=envelope.id, event=kept(event)),
            courtesy=courtesy,
            now=now,
            traceparent=present(),
        )

    async def on_erased(tx: Tx, delivery: Delivery, _: Any) -> None:
        event = delivery.event
        if isinstance(event, PersonErased):
            now = clock.now()
            notices = PostgresNotices(tx, now, cause=delivery.envelope.id)
            await forget_person(event.subject_ref, notices=notices, now=now)

    handlers: dict[type[Event], HandleOne] = {model_named(name): on_event for name in catalogue.event_types()}
    handlers[PersonErased] = on_erased
    return [Subscription(topic=topic, one=one) for topic, one in sorted(_by_topic(handlers).items())]


def _by_topic(handlers: Mapping[type[Event], HandleOne]) -> Mapping[str, dict[type[Event], HandleOne]]:
    found: dict[str, dict[type[Event], HandleOne]] = {}
    for model, handler in handlers.items():
        found.setdefault(topic_for(model).name, {})[model] = handler
    return found
