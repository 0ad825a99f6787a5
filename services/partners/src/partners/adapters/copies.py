"""Copies of source events, as each organisation's stream receives them.

A copy is the source's record, apart from its source and its creation context. The value is made once per variant, not
per organisation: a council's is the source's bytes; others do not learn from it whether, or how often, somebody else
referred the person, an association neither why something ended nor who refused a seat or cancelled an appointment, and
whoever supports work not that a sender of a sensitive kind referred. What is not in a table here is copied as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from chassis.clock import Clock
from chassis.records import Delivery
from chassis.telemetry import create_span
from maillage_contracts import (
    AccompanimentEnded,
    AppointmentCancelled,
    EnrolmentEndedEarly,
    EnrolmentRefused,
    Envelope,
    Event,
    PersonErased,
    PersonIdentified,
    PersonTierChanged,
)
from maillage_contracts.envelope import CONTENT_TYPE_STRUCTURED
from partners.adapters.events import headers_of, source_of
from partners.app.ports import StreamRow
from partners.domain.organisation import Kind
from partners.domain.stream import Fact, Stream, sender_told

Mask: TypeAlias = Mapping[type[Event], Callable[[Any], dict[str, Any]]]
"""What stands in a copy instead, by event type."""


def _since_1970(moment: datetime) -> int:
    return max(1, int(moment.timestamp() * 1000))


# A person's version counts their referrals, whoever made them. A moment in its stead still grows with each event.
_PERSONS: Mask = {
    PersonIdentified: lambda event: {"outcome": "identified", "aggregate_version": 1},
    PersonTierChanged: lambda event: {"aggregate_version": _since_1970(event.changed_at)},
    PersonErased: lambda event: {"aggregate_version": _since_1970(event.erased_at)},
}

# A reason may be a judgement on the person, or say what the person did.
_REASONS: Mask = {
    EnrolmentEndedEarly: lambda event: {"how": "ended"},
    EnrolmentRefused: lambda event: {"refused_by": "not_said"},
    AppointmentCancelled: lambda event: {"cancelled_by": "not_said"},
    AccompanimentEnded: lambda event: {"reason": "ended"},
}

MASKS: Mapping[Kind, Mask] = {
    Kind.COUNCIL: {},
    Kind.ASSOCIATION: {**_PERSONS, **_REASONS},
    Kind.EMPLOYMENT_SERVICE: _PERSONS,
    Kind.TRAINING_PROVIDER: _PERSONS,
}
"""What each kind of organisation is not told."""


class SourceCopies:
    """Implements Copies."""

    def __init__(self, deliveries: Sequence[Delivery], clock: Clock) -> None:
        self._by_id = {delivery.envelope.id: delivery for delivery in deliveries}
        self._clock = clock

    def copy(self, fact: Fact, places: Sequence[tuple[Stream, int]]) -> Sequence[StreamRow]:
        delivery = self._by_id[fact.event_id]
        envelope = delivery.envelope
        values = {kind: value_for(kind, delivery) for kind in {stream.kind for stream, _ in places}}
        rows = []
        for stream, position in places:
            context = create_span(stream.topic, envelope.id, envelope.correlation_id, cause=envelope.id)
            own = replace(
                envelope_for(stream.kind, delivery),
                source=source_of(stream.code),
                traceparent=context or envelope.traceparent,
            )
            rows.append(
                StreamRow(
                    stream,
                    position,
                    envelope.id,
                    envelope.type,
                    envelope.subject,
                    headers_of(own),
                    values[stream.kind],
                    fact.person,
                )
            )
        return rows


def envelope_for(kind: Kind, delivery: Delivery) -> Envelope:
    """Return the envelope for streams of this kind: to whoever is no council an erasure is a story of its own."""
    envelope = delivery.envelope
    if kind is Kind.COUNCIL or not isinstance(delivery.event, PersonErased):
        return envelope
    # The story that led to it may be a referral that somebody else made.
    return replace(envelope, correlation_id=envelope.id, causation_id=None)


def value_for(kind: Kind, delivery: Delivery) -> bytes:
    """Return the bytes for streams of this kind: the source's own, unless something is not told to it."""
    instead = _told_instead(kind, delivery.event)
    if not instead:
        return value_of(delivery)
    return delivery.event.model_copy(update=instead).model_dump_json().encode()


def _told_instead(kind: Kind, event: Any) -> dict[str, Any]:
    mask = MASKS[kind].get(type(event))
    instead = {} if mask is None else mask(event)
    routing = getattr(event, "routing", None)
    if routing is not None and (told := sender_told(kind, routing.sender_kind)) != routing.sender_kind:
        instead["routing"] = routing.model_copy(update={"sender_kind": told})
    return instead


def masked_fields(kind: Kind, delivery: Delivery) -> tuple[str, ...]:
    """Return the fields of this event in which streams of this kind say less; `correlationid` is the envelope's."""
    fields = tuple(_told_instead(kind, delivery.event))
    return fields if envelope_for(kind, delivery) == delivery.envelope else (*fields, "correlationid")


def value_of(delivery: Delivery) -> bytes:
    """Return the bare event's bytes: those that were read, unless they came wrapped in structured mode."""
    value = delivery.source.value
    kinds = [content or b"" for name, content in delivery.source.headers if name == "content-type"]
    if value is None or any(kind.startswith(CONTENT_TYPE_STRUCTURED.encode()) for kind in kinds):
        return delivery.event.model_dump_json().encode()
    return value
