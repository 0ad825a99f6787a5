"""From partners' facts to the contracts' events: the only place where the two meet.

A copy on a partner's topic keeps the id, type, subject and value bytes of its source; only the source attribute and
the creation context are the copy's own. What a scope edit causes has ids derived from it, so that redoing it remakes
the same events.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import cast
from uuid import UUID

from chassis import outbox
from chassis.db import Tx
from chassis.ids import derived_id
from chassis.telemetry import create_span
from maillage_contracts import AccessEnded as AccessEndedEvent
from maillage_contracts import (
    ApiClientRevoked,
    Envelope,
    Event,
    OpenStep,
    OrganisationChanged,
    OrganisationRegistered,
    ReferralLeftScope,
    ReferralSnapshot,
    Routing,
    Territory,
    WebhookDisabled,
    encode,
    envelope_for,
)
from maillage_contracts.envelope import CONTENT_TYPE_BINARY, attributes_of
from partners.app.ports import StreamRow
from partners.domain.organisation import AccessEnded, Changed, Organisation, OrganisationFact, Registered
from partners.domain.stream import KnownReferral, Stream


def source_of(code: str) -> str:
    """Return the `ce_source` of everything on an organisation's stream."""
    return f"/partners/{code}"


def headers_of(envelope: Envelope) -> str:
    """Return a record's headers as the outbox stores them, without touching the value (see codec.encode)."""
    headers = {f"ce_{name}": text for name, text in attributes_of(envelope)}
    headers["content-type"] = CONTENT_TYPE_BINARY
    if envelope.traceparent is not None:
        headers["traceparent"] = envelope.traceparent
    return json.dumps(headers, separators=(",", ":"))


class OutboxPublisher:
    """Publishes facts about organisations through the outbox of the open transaction."""

    def __init__(self, tx: Tx, at: datetime) -> None:
        self._tx = tx
        self._at = at

    async def publish(self, fact: OrganisationFact, *, event_id: UUID) -> None:
        row = outbox.prepare(
            _contract(fact), at=self._at, correlation_id=fact.organisation.correlation_id, event_id=event_id
        )
        await outbox.append(self._tx, row)


def _contract(fact: OrganisationFact) -> Event:
    organisation = fact.organisation
    if isinstance(fact, Registered):
        return _state(OrganisationRegistered, organisation)
    if isinstance(fact, Changed):
        return _state(OrganisationChanged, organisation)
    if isinstance(fact, AccessEnded):
        return AccessEndedEvent(
            organisation_id=organisation.organisation_id,
            aggregate_version=organisation.version,
            grant_id=fact.grant_id,
            ended_at=fact.ended_at,
        )
    return ApiClientRevoked(
        organisation_id=organisation.organisation_id,
        aggregate_version=organisation.version,
        client_id=fact.client_id,
        revoked_at=fact.revoked_at,
    )


def _state(
    model: type[OrganisationRegistered] | type[OrganisationChanged], organisation: Organisation
) -> OrganisationRegistered | OrganisationChanged:
    details = organisation.details
    places = details.territory
    return model(
        organisation_id=organisation.organisation_id,
        aggregate_version=organisation.version,
        code=organisation.code,
        name=details.name,
        kind=organisation.kind.value,
        phone=details.phone,
        postal_address=details.postal_address,
        email=details.email,
        territory=Territory(
            communes=places.communes,
            epcis=places.epcis,
            departements=places.departements,
            collectivities=places.collectivities,
        ),
        changed_at=organisation.changed_at,
        sandbox=organisation.sandbox,
        event_types=details.event_types,
    )


# organisations_pkey. Every fact about an organisation takes its next version.
NEXT_VERSION = """
UPDATE organisations SET version = version + 1 WHERE organisation_id = $1 RETURNING version, correlation_id
"""


async def publish_disabled(tx: Tx, webhook_id: UUID, organisation_id: UUID, reason: str, at: datetime) -> None:
    """Say that one of an organisation's webhooks gets nothing any more, when the transaction commits."""
    organisation = await tx.fetchrow(NEXT_VERSION, organisation_id)
    assert organisation is not None  # a webhook belongs to one
    event = WebhookDisabled(
        organisation_id=organisation_id,
        aggregate_version=organisation["version"],
        webhook_id=webhook_id,
        reason=reason,
        disabled_at=at,
    )
    await outbox.append(tx, outbox.prepare(event, at=at, correlation_id=organisation["correlation_id"]))


class ScopeEvents:
    """Makes the events that a change of scope causes on one stream."""

    def snapshot(
        self, referral: KnownReferral, stream: Stream, position: int, *, cause: UUID, reason: str, at: datetime
    ) -> StreamRow:
        event = ReferralSnapshot(
            referral_id=referral.referral_id,
            aggregate_version=referral.version,
            routing=Routing(
                commune=referral.routing.commune,
                referrer_organisation_id=referral.routing.referrer_organisation_id,
                receiver_organisation_id=referral.routing.receiver_organisation_id,
                sender_kind=referral.routing.sender_kind,
            ),
            status=referral.status,
            # A referral without them is not open to snapshots (see Referrals.unfollowed).
            themes=cast("tuple[str, ...]", referral.themes),
            submitted_at=cast("datetime", referral.submitted_at),
            changed_at=referral.changed_at,
            reason=reason,
            steps=tuple(
                OpenStep(kind=s.kind, step_id=s.step_id, version=s.version, status=s.status, changed_at=s.changed_at)
                for s in referral.steps
            )
            or None,
            subject_ref=referral.person,
        )
        return _row(event, referral, stream, position, cause, at)

    def left_scope(
        self, referral: KnownReferral, stream: Stream, position: int, *, cause: UUID, reason: str, at: datetime
    ) -> StreamRow:
        event = ReferralLeftScope(
            referral_id=referral.referral_id, aggregate_version=referral.version, reason=reason, left_at=at
        )
        return _row(event, referral, stream, position, cause, at)


def _row(
    event: ReferralSnapshot | ReferralLeftScope,
    referral: KnownReferral,
    stream: Stream,
    position: int,
    cause: UUID,
    at: datetime,
) -> StreamRow:
    event_id = derived_id(cause, f"partners-scope:{stream.organisation_id}:{referral.referral_id}")
    envelope = envelope_for(
        event,
        id=event_id,
        source=source_of(stream.code),
        time=at,
        correlation_id=referral.correlation_id,
        causation_id=cause,
        traceparent=create_span(stream.topic, event_id, referral.correlation_id),
    )
    record = encode(event, envelope, topic=stream.topic)
    headers = json.dumps({name: value.decode() for name, value in record.headers}, separators=(",", ":"))
    return StreamRow(
        stream, position, event_id, envelope.type, envelope.subject, headers, record.value, referral.person
    )
