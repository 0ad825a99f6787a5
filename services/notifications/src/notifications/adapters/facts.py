"""From contract events to facts, and to the rows that keep them: the person's reference stands in a column of its own.

An event holds nothing that says who somebody is, so it may be kept as it came until its notices are told.
"""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from maillage_contracts import Event, Routing, model_for
from maillage_contracts.topics import PREFIX
from notifications.domain.fact import OWNER, Fact

SUBJECT = "subject_ref"
OWNER_FIELD = "organisation_id"
"""The aggregate of events about organisations."""
_APART = frozenset({"aggregate_version", "routing", SUBJECT})
_NOBODY = UUID(int=0)
"""Stands for an erased person where a contract wants a reference."""


def fact_of(
    event: Event, *, event_id: UUID, at: datetime, correlation_id: UUID, subject_ref: UUID | None = None
) -> Fact:
    """Return the fact of an event; `at` is when it happened, by its envelope."""
    routing = getattr(event, "routing", None)
    return Fact(
        event_id=event_id,
        type=type_name(type(event)),
        aggregate_id=getattr(event, event.aggregate_field),
        aggregate_field=event.aggregate_field,
        version=event.aggregate_version,
        at=at,
        correlation_id=correlation_id,
        commune=routing.commune if isinstance(routing, Routing) else "",
        roles=_roles(event, routing),
        fields={name: getattr(event, name) for name in type(event).model_fields if name not in _APART},
        subject_ref=subject_ref,
        referral_id=getattr(event, "referral_id", None),
    )


def _roles(event: Event, routing: object) -> dict[str, UUID]:
    found: dict[str, UUID | None] = {"organiser": getattr(event, "organiser_organisation_id", None)}
    if event.aggregate_field == OWNER_FIELD:
        found[OWNER] = getattr(event, OWNER_FIELD)
    if isinstance(routing, Routing):
        found |= {
            "association": routing.referrer_organisation_id,
            "council": routing.receiver_organisation_id,
            "employment_service": routing.employment_organisation_id,
            "training_provider": routing.training_organisation_id,
        }
    return {role: organisation_id for role, organisation_id in found.items() if organisation_id is not None}


def type_name(model: type[Event]) -> str:
    """Return the type as templates write it: `registration.appointment.booked.v1`."""
    return model.event_type.removeprefix(PREFIX)


def model_named(name: str) -> type[Event]:
    """Return the contract that templates call so; raises UnknownType."""
    return model_for(PREFIX + name)


def kept(event: Event) -> str:
    """Return the event as JSON without the person's reference."""
    return event.model_dump_json(exclude={SUBJECT})


def event_kept(name: str, text: str, subject_ref: UUID | None) -> Event:
    """Return the event that `kept` wrote."""
    return model_named(name).model_validate({**json.loads(text), SUBJECT: subject_ref or _NOBODY})
