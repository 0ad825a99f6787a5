"""From facts about requests to join to the contracts' events, and the synthetic event that a newcomer receives."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from chassis import outbox
from chassis.db import Tx
from chassis.ids import new_id
from chassis.telemetry import create_span
from maillage_contracts import (
    EnrolmentRequested,
    Event,
    JoinRequestApproved,
    JoinRequestConfirmed,
    JoinRequestExpired,
    JoinRequestRefused,
    JoinRequestSubmitted,
    ReferralSubmitted,
    Routing,
    encode,
    envelope_for,
)
from partners.adapters.events import source_of
from partners.app.ports import StreamRow
from partners.domain.join_request import Approved, Confirmed, JoinRequestFact, Refused, Submitted
from partners.domain.organisation import Kind
from partners.domain.stream import Stream

FAKE: Final = 0x7E577E57
"""How every id of a synthetic event begins ("test test"): no id of ours does before the year 6370."""

FAKE_THEME: Final = "exemple--evenement-synthetique"
FAKE_SENDER: Final = "synthetic"
FALLBACK_COMMUNE: Final = "75056"
"""For organisations whose stream knows no commune."""


class OutboxJoinPublisher:
    """Implements JoinPublisher through the outbox of the open transaction."""

    def __init__(self, tx: Tx, at: datetime) -> None:
        self._tx = tx
        self._at = at

    async def publish(self, fact: JoinRequestFact) -> None:
        row = outbox.prepare(_contract(fact, self._at), at=self._at, correlation_id=fact.request.correlation_id)
        await outbox.append(self._tx, row)


def _contract(fact: JoinRequestFact, at: datetime) -> Event:
    request = fact.request
    same: dict[str, Any] = {"join_request_id": request.join_request_id, "aggregate_version": request.version}
    match fact:
        case Submitted():
            sandbox = request.applicant.sandbox
            return JoinRequestSubmitted(**same, sandbox=sandbox, submitted_at=at, expires_at=request.due_at)
        case Confirmed():
            return JoinRequestConfirmed(**same, confirmed_at=at)
        case Approved():
            assert request.organisation_id is not None  # it was just approved
            return JoinRequestApproved(**same, organisation_id=request.organisation_id, approved_at=at)
        case Refused():
            return JoinRequestRefused(**same, refused_at=at)
    return JoinRequestExpired(**same, expired_at=at)


def fake_id() -> UUID:
    """Return a new id that says what it is."""
    return UUID(int=(FAKE << 96) | (new_id().int & ((1 << 96) - 1)))


class SyntheticEvents:
    """Implements TestEvents."""

    def synthetic(self, stream: Stream, position: int, *, correlation_id: UUID, at: datetime) -> StreamRow:
        event = _synthetic(stream, at)
        event_id = new_id()
        envelope = envelope_for(
            event,
            id=event_id,
            source=source_of(stream.code),
            time=at,
            correlation_id=correlation_id,
            traceparent=create_span(stream.topic, event_id, correlation_id),
        )
        record = encode(event, envelope, topic=stream.topic)
        headers = json.dumps({name: value.decode() for name, value in record.headers}, separators=(",", ":"))
        # No person: nobody was told of anybody.
        return StreamRow(stream, position, event_id, envelope.type, envelope.subject, headers, record.value)


def _synthetic(stream: Stream, at: datetime) -> Event:
    """Return what this kind of organisation begins a story with, where only its own id is true."""
    own, kind = stream.organisation_id, stream.kind
    routing = Routing(
        commune=min(stream.communes, default=FALLBACK_COMMUNE),
        referrer_organisation_id=own if kind is Kind.ASSOCIATION else fake_id(),
        receiver_organisation_id=own if kind is Kind.COUNCIL else fake_id(),
        sender_kind=FAKE_SENDER,
        employment_organisation_id=own if kind is Kind.EMPLOYMENT_SERVICE else None,
        training_organisation_id=own if kind is Kind.TRAINING_PROVIDER else None,
    )
    if kind is not Kind.TRAINING_PROVIDER:
        return ReferralSubmitted(
            referral_id=fake_id(), aggregate_version=1, routing=routing, themes=(FAKE_THEME,), submitted_at=at
        )
    ids = {name: fake_id() for name in ("enrolment_id", "session_id", "accompaniment_id", "action_id", "referral_id")}
    return EnrolmentRequested(
        **ids, aggregate_version=1, routing=routing, subject_ref=fake_id(), starts_at=at, requested_at=at
    )
