"""From facts of the domain to contract events: the only place that knows both."""

from __future__ import annotations

from chassis.outbox import OutboxRow, prepare
from maillage_contracts import (
    Event,
    ReferralAccepted,
    ReferralDeclined,
    ReferralExpired,
    ReferralOverdue,
    ReferralReceived,
    ReferralReviewStarted,
    ReferralSubmitted,
    ReferralWithdrawn,
    Routing,
)
from referrals.domain.referral import Referral, StatusChanged
from referrals.domain.status import Status


def row_for(referral: Referral, fact: StatusChanged) -> OutboxRow:
    """Encode the event that tells `fact`, in the referral's story."""
    return prepare(event_for(referral, fact), at=fact.at, correlation_id=referral.correlation_id)


def event_for(referral: Referral, fact: StatusChanged) -> Event:
    """Return the contract event that tells `fact`; a draft is nobody else's business and has none."""
    id_, version, routing, at = fact.referral_id, fact.version, _routing(referral), fact.at
    match fact.status:
        case Status.SUBMITTED:
            return ReferralSubmitted(
                referral_id=id_, aggregate_version=version, routing=routing, themes=referral.themes, submitted_at=at
            )
        case Status.RECEIVED:
            return ReferralReceived(referral_id=id_, aggregate_version=version, routing=routing, received_at=at)
        case Status.UNDER_REVIEW:
            return ReferralReviewStarted(referral_id=id_, aggregate_version=version, routing=routing, started_at=at)
        case Status.ACCEPTED:
            return ReferralAccepted(referral_id=id_, aggregate_version=version, routing=routing, accepted_at=at)
        case Status.DECLINED:
            return _declined(fact, routing)
        case Status.WITHDRAWN:
            return ReferralWithdrawn(referral_id=id_, aggregate_version=version, routing=routing, withdrawn_at=at)
        case Status.OVERDUE:
            return ReferralOverdue(referral_id=id_, aggregate_version=version, routing=routing, overdue_at=at)
        case Status.EXPIRED:
            return ReferralExpired(referral_id=id_, aggregate_version=version, routing=routing, expired_at=at)
        case Status.DRAFT:
            raise ValueError("a draft is not an event")


def _declined(fact: StatusChanged, routing: Routing) -> ReferralDeclined:
    if fact.decline is None:
        raise ValueError("a decline has its reasons")
    return ReferralDeclined(
        referral_id=fact.referral_id,
        aggregate_version=fact.version,
        routing=routing,
        declined_at=fact.at,
        reasons=fact.decline.reasons,
        declined_by=fact.decline.declined_by,
        shareable_with_person=fact.decline.shareable_with_person,
    )


def _routing(referral: Referral) -> Routing:
    return Routing(
        commune=referral.commune,
        referrer_organisation_id=referral.parties.referrer_id,
        receiver_organisation_id=referral.parties.receiver_id,
        sender_kind=referral.parties.referrer_kind,
    )
