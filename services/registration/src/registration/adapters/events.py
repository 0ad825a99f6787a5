"""From facts of the domain to contract events: the only place that knows both."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.ids import derived_id
from chassis.outbox import OutboxRow, prepare
from maillage_contracts import Envelope, PersonIdentified, ReferralSubmitted
from registration.domain.registration import Identified

CONSUMER = "registration.identify"
"""Names what is derived from a referral's event; changing it would rename what is redone after an upgrade."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that led here: it gives the story, the routing and, derived, our own event's id."""

    event: ReferralSubmitted
    envelope: Envelope


def row_for(fact: Identified, cause: Cause) -> OutboxRow:
    """Encode the event that tells `fact`: redone work makes the same id."""
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
