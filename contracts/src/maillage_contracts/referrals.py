"""Facts about a referral (orientation vers un service): who asked whom, and what was answered.

Nothing here says who the person is. A service allowed to know asks `referrals` over HTTP with the
referral's id; a partner that is a party to the referral reads it there too.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from maillage_contracts.base import Event, Part
from maillage_contracts.types import CommuneCode, OrganisationId, ReferralId, Slug, Theme, UtcDatetime


class Routing(Part):
    """Where an event belongs: enough to decide which organisations may see it, without asking anybody."""

    commune: CommuneCode = Field(
        description="INSEE code of the commune where the person lives, as stated by the referrer.",
        examples=["93048", "2A004"],
    )
    referrer_organisation_id: OrganisationId = Field(description="The organisation that made the referral.")
    receiver_organisation_id: OrganisationId = Field(
        description="The organisation asked to answer: the one chosen, else the council with jurisdiction."
    )
    sender_kind: Slug = Field(
        description="Kind of the organisation that made the referral. Open set; today `association` or `council`.",
        examples=["association"],
    )
    employment_organisation_id: OrganisationId | None = Field(
        default=None,
        description="The employment service that co-runs the joint accompaniment, or is asked to, where one is.",
    )
    training_organisation_id: OrganisationId | None = Field(
        default=None, description="The organisation that holds the training session, on what concerns an enrolment."
    )


class ReferralEvent(Event):
    """What every event of a referral carries."""

    aggregate_field: ClassVar[str] = "referral_id"

    referral_id: ReferralId = Field(description="Stable for the life of the referral.")
    routing: Routing = Field(description="Where this event belongs.")


class ReferralSubmitted(ReferralEvent):
    """An organisation asked another to see a person.

    Emitted by referrals once per referral, first. It does not mean that anybody has read it: wait for
    `received`. It does not mean that the person is registered: wait for `person.identified`.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.submitted.v1"

    themes: tuple[Theme, ...] = Field(
        min_length=1,
        description="What the person needs, as thématiques of the data-inclusion vocabulary.",
        examples=[["logement-hebergement--louer-un-logement"]],
    )
    submitted_at: UtcDatetime = Field(description="When the referrer submitted it.", examples=["2026-03-02T09:30:00Z"])


class ReferralReceived(ReferralEvent):
    """The receiver acknowledged receipt, by an explicit act.

    Emitted by referrals at most once per referral. It does not mean that anybody has started to look at it.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.received.v1"

    received_at: UtcDatetime = Field(description="When the receiver acknowledged receipt.")


class ReferralOpened(ReferralEvent):
    """Somebody at the receiver opened the referral's page, for the first time.

    Emitted by referrals at most once per referral, while it waits for an answer. It is a proof of reading and nothing
    else: no receipt, no answer, and it does not say who read it. A receiver that works through its own software may
    never be said to have opened anything.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.opened.v1"

    status: Slug = Field(
        description="Where the referral stands; opening changes nothing about it. Open set, as in `snapshot`.",
        examples=["submitted"],
    )
    changed_at: UtcDatetime = Field(description="When its status last changed, as in `snapshot`.")
    opened_at: UtcDatetime = Field(description="When the page was opened.", examples=["2026-03-02T09:42:00Z"])


class ReferralReviewStarted(ReferralEvent):
    """Somebody at the receiver began to look at the referral.

    Emitted by referrals when the receiver says so. It announces neither an acceptance nor a date.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.review_started.v1"

    started_at: UtcDatetime = Field(description="When the review started.")


class ReferralAccepted(ReferralEvent):
    """The receiver agreed to see the person.

    Emitted by referrals at most once per referral. It does not mean that an appointment exists.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.accepted.v1"

    accepted_at: UtcDatetime = Field(description="When the receiver accepted.")


class ReferralDeclined(ReferralEvent):
    """The referral ends without the person being seen, for coded reasons.

    Emitted by referrals at most once per referral. `declined_by` says whose decision it was; a reason is
    never a judgement on the person, and no decision about them may be drawn from it.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.declined.v1"

    declined_at: UtcDatetime = Field(description="When the answer was given.")
    reasons: tuple[Slug, ...] = Field(
        min_length=1,
        description=(
            "Why. Open set; today `unreachable`, `did_not_attend`, `in_employment`, `in_training`, "
            "`not_eligible`, `not_mobile`, `not_interested`, `peripheral_barriers`, `session_full`, "
            "`duplicate`, `out_of_area`, `missing_documents`, `other`."
        ),
        examples=[["out_of_area"]],
    )
    declined_by: Slug = Field(
        description="Whose decision it was. Open set; today `provider` (the receiver) or `person`.",
        examples=["provider"],
    )
    shareable_with_person: bool = Field(description="Whether the reasons may be shown to the person as they stand.")


class ReferralWithdrawn(ReferralEvent):
    """The referrer took the referral back.

    Emitted by referrals at most once per referral. It says nothing about why, and asks the receiver to stop.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.withdrawn.v1"

    withdrawn_at: UtcDatetime = Field(description="When the referrer withdrew it.")


class ReferralOverdue(ReferralEvent):
    """The receiver has not answered within the time allowed.

    Emitted by referrals at most once per referral, by the clock. The referral stays open: it can still be
    received, accepted or declined.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.overdue.v1"

    overdue_at: UtcDatetime = Field(description="When the time allowed ran out.")


class ReferralExpired(ReferralEvent):
    """The referral was closed because nobody answered it.

    Emitted by referrals at most once per referral, by the clock. It is not a refusal: the referrer may ask again.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.expired.v1"

    expired_at: UtcDatetime = Field(description="When it was closed.")
