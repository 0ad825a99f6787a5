"""From facts of the domain to contract events: the only place that knows both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from chassis.ids import derived_id, new_id
from chassis.outbox import OutboxRow, prepare
from maillage_contracts import (
    EnrolmentCompleted,
    EnrolmentConfirmed,
    EnrolmentEndedEarly,
    EnrolmentFoundIneligible,
    EnrolmentOfferExpired,
    EnrolmentRefused,
    EnrolmentRequested,
    EnrolmentSeatHeld,
    EnrolmentSeatOffered,
    EnrolmentStarted,
    EnrolmentWaitlisted,
    EnrolmentWithdrawn,
    Event,
    Routing,
    TrainingSessionCancelled,
    TrainingSessionOpened,
)
from training.domain.accompaniment import Accompaniment
from training.domain.enrolment import Enrolment, EnrolmentChanged
from training.domain.session import Session, SessionChanged, SessionStatus
from training.domain.status import Status

CONSUMER = "training.enrolments"
"""Names what is derived from another service's event; changing it would rename what is redone after an upgrade."""


class Because:
    """Why something is done: for a person or the clock, or because of an event.

    What an event causes gets ids derived from it, in the order in which they are asked for: redone work makes the same.
    """

    def __init__(self, event_id: UUID | None = None) -> None:
        self.event_id = event_id
        self._made = 0

    def new_id(self) -> UUID:
        """Return the id of the next thing that is made."""
        if self.event_id is None:
            return new_id()
        self._made += 1
        return derived_id(self.event_id, CONSUMER, self._made)


def session_row(session: Session, fact: SessionChanged) -> OutboxRow:
    """Encode the event that tells `fact`, in the session's story."""
    return prepare(session_event(session, fact), at=fact.at, correlation_id=session.correlation_id)


def session_event(session: Session, fact: SessionChanged) -> Event:
    """Return the contract event that tells `fact`."""
    if fact.status is SessionStatus.CANCELLED:
        if fact.reason is None:
            raise ValueError("a cancellation has its reason")
        return TrainingSessionCancelled(
            session_id=fact.session_id,
            aggregate_version=fact.version,
            organisation_id=session.organisation_id,
            reason=fact.reason,
            cancelled_at=fact.at,
        )
    programme = session.programme
    return TrainingSessionOpened(
        session_id=fact.session_id,
        aggregate_version=fact.version,
        organisation_id=session.organisation_id,
        theme=programme.theme,
        commune=programme.commune,
        seats=programme.seats,
        hours=programme.hours,
        starts_at=programme.starts_at,
        opened_at=fact.at,
    )


def enrolment_row(enrolment: Enrolment, fact: EnrolmentChanged, because: Because) -> OutboxRow | None:
    """Encode the event that tells `fact`, in the accompaniment's story; None for a step that is told by the next."""
    event = enrolment_event(enrolment, fact)
    if event is None:
        return None
    return prepare(
        event,
        at=fact.at,
        correlation_id=enrolment.accompaniment.correlation_id,
        causation_id=because.event_id,
        event_id=because.new_id(),
    )


def enrolment_event(enrolment: Enrolment, fact: EnrolmentChanged) -> Event | None:
    """Return the contract event that tells `fact`, or None."""
    make = _EVENTS.get(fact.status)
    return None if make is None else make(fact, _common(enrolment, fact))


_EVENTS: Mapping[Status, Callable[[EnrolmentChanged, dict[str, Any]], Event]] = {
    Status.REQUESTED: lambda fact, common: EnrolmentRequested(**common, requested_at=fact.at),
    Status.INELIGIBLE: lambda fact, common: EnrolmentFoundIneligible(
        **common, reason=_said(fact.reason), found_at=fact.at
    ),
    Status.SEAT_HELD: lambda fact, common: EnrolmentSeatHeld(**common, held_at=fact.at),
    Status.WAITLISTED: lambda fact, common: EnrolmentWaitlisted(**common, rank=_said(fact.rank), waitlisted_at=fact.at),
    Status.SEAT_OFFERED: lambda fact, common: EnrolmentSeatOffered(
        **common, expires_at=_said(fact.expires_at), offered_at=fact.at
    ),
    Status.OFFER_EXPIRED: lambda fact, common: EnrolmentOfferExpired(**common, expired_at=fact.at),
    Status.CONFIRMED: lambda fact, common: EnrolmentConfirmed(**common, confirmed_at=fact.at),
    Status.REFUSED_BY_PERSON: lambda fact, common: EnrolmentRefused(**common, refused_by="person", refused_at=fact.at),
    Status.REFUSED_BY_THIRD_PARTY: lambda fact, common: EnrolmentRefused(
        **common, refused_by="third_party", refused_at=fact.at
    ),
    Status.WITHDRAWN: lambda fact, common: EnrolmentWithdrawn(**common, withdrawn_at=fact.at),
    Status.ATTENDING: lambda fact, common: EnrolmentStarted(**common, started_at=fact.at),
    Status.COMPLETED: lambda fact, common: EnrolmentCompleted(**common, completed_at=fact.at),
    Status.DROPPED_OUT: lambda fact, common: EnrolmentEndedEarly(**common, how="dropped_out", ended_at=fact.at),
    Status.NO_SHOW: lambda fact, common: EnrolmentEndedEarly(**common, how="no_show", ended_at=fact.at),
}
"""Those not here are told by what follows them in the same transaction."""


def _common(enrolment: Enrolment, fact: EnrolmentChanged) -> dict[str, Any]:
    accompaniment = enrolment.accompaniment
    return {
        "enrolment_id": fact.enrolment_id,
        "aggregate_version": fact.version,
        "session_id": fact.session_id,
        # The contract wants an instant: of a session that does not exist it is that of the request.
        "starts_at": fact.starts_at or enrolment.requested_at,
        "accompaniment_id": accompaniment.accompaniment_id,
        "action_id": enrolment.action_id,
        "referral_id": accompaniment.referral_id,
        "subject_ref": _said(accompaniment.subject_ref),
        "routing": _routing(accompaniment, fact.provider_id),
    }


def _routing(accompaniment: Accompaniment, provider_id: UUID | None) -> Routing:
    return Routing(
        commune=accompaniment.commune,
        referrer_organisation_id=accompaniment.referrer_id,
        receiver_organisation_id=accompaniment.council_id,
        sender_kind=accompaniment.sender_kind,
        employment_organisation_id=accompaniment.employment_id,
        training_organisation_id=provider_id,
    )


def _said(value: Any) -> Any:
    """Return what a fact of this status always holds."""
    if value is None:
        raise ValueError("the fact does not say it")
    return value
