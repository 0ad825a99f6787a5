"""Contract events and consumed records for tests, with obviously made-up values."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import maillage_contracts
from chassis.ids import new_id
from chassis.records import Source
from maillage_contracts import Event, ReferralReceived, ReferralSubmitted, Routing, encode, envelope_for

EXAMPLES = Path(maillage_contracts.__file__).parents[2] / "examples"
AnyEvent = TypeVar("AnyEvent", bound=Event)

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
ASSOCIATION = UUID("01900000-0000-7000-8000-0000000000a1")
COUNCIL = UUID("01900000-0000-7000-8000-0000000000c1")


def routing(commune: str = "93048") -> Routing:
    """Return a routing block between the made-up association and council."""
    return Routing(
        commune=commune,
        referrer_organisation_id=ASSOCIATION,
        receiver_organisation_id=COUNCIL,
        sender_kind="association",
    )


def submitted(referral_id: UUID | None = None, version: int = 1, commune: str = "93048") -> ReferralSubmitted:
    """Return a submitted referral."""
    return ReferralSubmitted(
        referral_id=referral_id or new_id(),
        aggregate_version=version,
        routing=routing(commune),
        themes=("numerique--acceder-a-une-connexion-internet",),
        submitted_at=AT,
    )


def received(referral_id: UUID, version: int = 2) -> ReferralReceived:
    """Return the receipt of a referral."""
    return ReferralReceived(referral_id=referral_id, aggregate_version=version, routing=routing(), received_at=AT)


def example(model: type[AnyEvent], **changes: Any) -> AnyEvent:
    """Return the contracts' first example of an event, with these fields changed."""
    folder = EXAMPLES / model.event_type.removeprefix("fr.maillage.")
    path = next(path for path in sorted(folder.glob("*.json")) if not path.name.endswith(".cloudevent.json"))
    return model.model_validate(model.model_validate_json(path.read_bytes()).model_dump() | changes)


def source_of_event(
    event: Event, *, offset: int = 0, partition: int = 0, event_id: UUID | None = None, at: datetime = AT
) -> Source:
    """Return the record that a consumer would read for `event`."""
    envelope = envelope_for(
        event, id=event_id or new_id(), source="/referrals", time=at, correlation_id=new_id(), traceparent=None
    )
    record = encode(event, envelope)
    return Source(record.topic, partition, offset, record.key, list(record.headers), record.value)
