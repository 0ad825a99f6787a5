"""From facts of the domain to contract events: the only place that knows both."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.outbox import OutboxRow, prepare
from maillage_contracts import (
    AccompanimentAccepted,
    AccompanimentActivated,
    AccompanimentEnded,
    AccompanimentPlanChanged,
    AccompanimentProposed,
    AccompanimentRefused,
    AccompanimentReviewDue,
    AccompanimentReviewed,
    AccompanimentTermDue,
    Event,
    PlannedAction,
    ReferralAccepted,
    ReferralDeclined,
    ReferralExpired,
    ReferralMoved,
    ReferralOpened,
    ReferralOverdue,
    ReferralReceived,
    ReferralReviewStarted,
    ReferralSubmitted,
    ReferralWithdrawn,
    Routing,
)
from referrals.domain.accompaniment import Accompaniment, Fact, Happened
from referrals.domain.plan import Action, Plan
from referrals.domain.referral import Moved, Opened, Referral, StatusChanged
from referrals.domain.status import Status


def row_for(referral: Referral, fact: StatusChanged) -> OutboxRow:
    """Encode the event that tells `fact`, in the referral's story."""
    return prepare(event_for(referral, fact), at=fact.at, correlation_id=referral.correlation_id)


def opened_row_for(referral: Referral, fact: Opened) -> OutboxRow:
    """Encode the event that tells of the first opening, in the referral's story."""
    event = ReferralOpened(
        referral_id=fact.referral_id,
        aggregate_version=fact.version,
        routing=_routing(referral),
        status=fact.status,
        changed_at=fact.since,
        opened_at=fact.at,
    )
    return prepare(event, at=fact.at, correlation_id=referral.correlation_id)


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


def moved_event(referral: Referral, fact: Moved) -> Event:
    """Return the contract event that tells that the person lives elsewhere."""
    return ReferralMoved(
        referral_id=fact.referral_id,
        aggregate_version=fact.version,
        routing=_routing(referral),
        previous_commune=fact.from_commune,
        previous_receiver_organisation_id=fact.from_receiver_id,
        status=referral.status.value,
        themes=referral.themes,
        submitted_at=referral.submitted_at,
        told_by=fact.by.value,
        moved_at=fact.at,
    )


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


def joint_row_for(accompaniment: Accompaniment, happened: Happened, plan: Plan | None = None) -> OutboxRow:
    """Encode the event that tells what happened to an accompaniment, in the referral's story."""
    event = joint_event_for(accompaniment, happened, plan)
    return prepare(event, at=happened.at, correlation_id=accompaniment.correlation_id)


def joint_event_for(accompaniment: Accompaniment, happened: Happened, plan: Plan | None = None) -> Event:
    """Return the contract event that tells what happened; `plan`, of which only codes are told, where it changed."""
    at = happened.at
    # What a fact does not have is None here, and refused by the model of an event that needs it.
    by: Any = accompaniment.organisation_on(happened.by)
    due_at: Any = happened.due_at
    term: Any = happened.term
    reason: Any = happened.reason
    common: dict[str, Any] = {
        "accompaniment_id": accompaniment.accompaniment_id,
        "aggregate_version": happened.version,
        "referral_id": accompaniment.referral_id,
        "subject_ref": accompaniment.subject_ref,
        "routing": _routing(accompaniment, accompaniment.employment_id),
    }
    match happened.fact:
        case Fact.PROPOSED:
            return AccompanimentProposed(**common, proposed_by=by, proposed_at=at)
        case Fact.ACCEPTED:
            return AccompanimentAccepted(**common, accepted_by=by, accepted_at=at)
        case Fact.ACTIVATED:
            return AccompanimentActivated(**common, accepted_by=by, activated_at=at)
        case Fact.REFUSED:
            return AccompanimentRefused(**common, refused_by=by, refused_at=at)
        case Fact.PLAN_CHANGED:
            if plan is None:
                raise ValueError("a changed plan has its actions")
            actions = tuple(_planned(action) for action in plan.actions)
            return AccompanimentPlanChanged(**common, changed_by=by, actions=actions, changed_at=at)
        case Fact.TERM_DUE:
            return AccompanimentTermDue(**common, term=term, due_at=due_at)
        case Fact.REVIEW_DUE:
            return AccompanimentReviewDue(**common, due_at=due_at)
        case Fact.REVIEWED:
            return AccompanimentReviewed(**common, reviewed_by=by, reviewed_at=at)
        case Fact.ENDED:
            return AccompanimentEnded(**common, ended_by=by, reason=reason, ended_at=at)


def _planned(action: Action) -> PlannedAction:
    return PlannedAction(
        action_id=action.action_id,
        kind=action.kind,
        theme=action.theme,
        assigned_to=action.assigned_to,
        due_on=action.due_on,
        state=action.state,
        session_id=action.session_id,
    )


def _routing(about: Referral | Accompaniment, employment_id: UUID | None = None) -> Routing:
    return Routing(
        commune=about.commune,
        referrer_organisation_id=about.parties.referrer_id,
        receiver_organisation_id=about.parties.receiver_id,
        sender_kind=about.parties.referrer_kind,
        employment_organisation_id=employment_id,
    )
