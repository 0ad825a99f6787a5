"""Facts about one person's enrolment in one training session."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from maillage_contracts.base import Event
from maillage_contracts.referrals import Routing
from maillage_contracts.types import (
    AccompanimentId,
    ActionId,
    EnrolmentId,
    ReferralId,
    SessionId,
    Slug,
    SubjectRef,
    UtcDatetime,
)


class EnrolmentEvent(Event):
    """What every event of an enrolment carries."""

    aggregate_field: ClassVar[str] = "enrolment_id"

    enrolment_id: EnrolmentId = Field(description="Stable for the life of the enrolment.")
    session_id: SessionId = Field(
        description="The session asked for; once it was cancelled and another took its place, that one."
    )
    starts_at: UtcDatetime = Field(description="When that session begins.")
    accompaniment_id: AccompanimentId = Field(description="The joint accompaniment whose plan asked for it.")
    action_id: ActionId = Field(description="The action of that plan.")
    referral_id: ReferralId = Field(description="The referral that led to it.")
    subject_ref: SubjectRef = Field(description="Opaque reference of the person.")
    routing: Routing = Field(
        description="Where this event belongs: that of the accompaniment, and who holds the session."
    )


class EnrolmentRequested(EnrolmentEvent):
    """A seat was asked for, from the shared plan.

    Emitted by training once per enrolment, first. It does not mean that there is a seat.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.requested.v1"

    requested_at: UtcDatetime = Field(description="When it was asked for.")


class EnrolmentFoundIneligible(EnrolmentEvent):
    """The session cannot take this request.

    Emitted by training at most once per enrolment. It is no judgement on the person. Of a session that does not exist
    `starts_at` is the instant of the request.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.found_ineligible.v1"

    reason: Slug = Field(
        description=(
            "Why. Open set; today `session_cancelled`, `session_started`, `unknown_session`, `already_enrolled` (the "
            "same accompaniment has, or waits for, a seat in it already) or `not_available` (a seat cannot be given; "
            "more is not told)."
        ),
        examples=["session_started"],
    )
    found_at: UtcDatetime = Field(description="When.")


class EnrolmentSeatHeld(EnrolmentEvent):
    """A seat is kept for the person until it is confirmed.

    Emitted by training when a seat was free. Wait for `confirmed` before telling the person to come.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.seat_held.v1"

    held_at: UtcDatetime = Field(description="When.")


class EnrolmentConfirmed(EnrolmentEvent):
    """The person has a seat.

    Emitted by training at most once per enrolment and session, after a held seat or an accepted offer.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.confirmed.v1"

    confirmed_at: UtcDatetime = Field(description="When.")


class EnrolmentWaitlisted(EnrolmentEvent):
    """The session is full; the person is on the waiting list.

    Emitted by training when no seat is free; again with priority when their session was cancelled, and when the one
    that takes its place has not enough seats.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.waitlisted.v1"

    rank: int = Field(ge=1, le=100_000, description="Place on the list at that moment; 1 is next.", examples=[1])
    waitlisted_at: UtcDatetime = Field(description="When.")


class EnrolmentSeatOffered(EnrolmentEvent):
    """A seat became free and is kept for the person for a while.

    Emitted by training to the next on the list. Whoever does not answer loses this seat, and nothing else.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.seat_offered.v1"

    expires_at: UtcDatetime = Field(description="Until when the seat is kept.")
    offered_at: UtcDatetime = Field(description="When it was offered.")


class EnrolmentOfferExpired(EnrolmentEvent):
    """The offered seat went to the next on the list.

    Emitted by training, by the clock. It has no other consequence.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.offer_expired.v1"

    expired_at: UtcDatetime = Field(description="When.")


class EnrolmentRefused(EnrolmentEvent):
    """Somebody said no to the seat.

    Emitted by training at most once per enrolment. Refusing has no other consequence.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.refused.v1"

    refused_by: Slug = Field(
        description="Who. Open set; today `person` or `third_party`; on an association's own stream always `not_said`.",
        examples=["person"],
    )
    refused_at: UtcDatetime = Field(description="When.")


class EnrolmentWithdrawn(EnrolmentEvent):
    """The request was taken back; a seat that was kept is free again.

    Emitted by training at most once per enrolment.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.withdrawn.v1"

    withdrawn_at: UtcDatetime = Field(description="When.")


class EnrolmentStarted(EnrolmentEvent):
    """The person attends the session.

    Emitted by training at most once per enrolment and session.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.started.v1"

    started_at: UtcDatetime = Field(description="When.")


class EnrolmentCompleted(EnrolmentEvent):
    """The person attended to the end.

    Emitted by training at most once per enrolment. It says nothing of results.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.completed.v1"

    completed_at: UtcDatetime = Field(description="When.")


class EnrolmentEndedEarly(EnrolmentEvent):
    """The person does not attend, or no longer.

    Emitted by training at most once per enrolment. No decision against the person may be drawn from it.
    """

    event_type: ClassVar[str] = "fr.maillage.training.enrolment.ended_early.v1"

    how: Slug = Field(
        description=(
            "Open set; today `dropped_out` or `no_show`; on an association's own stream always `ended`, since absences "
            "are not told there."
        ),
        examples=["dropped_out"],
    )
    ended_at: UtcDatetime = Field(description="When.")
