"""Events that exist only on an organisation's own stream, beside the source events copied there unchanged.

They tell an organisation what enters or leaves what it may see, when its territory or its rights change
rather than the referral; and they stand where the events of a person stood whose data were erased.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from maillage_contracts.base import Event, Part
from maillage_contracts.referrals import ReferralEvent
from maillage_contracts.types import AggregateVersion, ReferralId, Slug, SubjectRef, Text, Theme, UtcDatetime


class OpenStep(Part):
    """Something that goes on for a referral when you come to see it."""

    kind: Slug = Field(
        description="What it is. Open set; today `accompaniment`, `appointment` or `enrolment`.",
        examples=["appointment"],
    )
    step_id: UUID = Field(description="Its identifier: that of its own events, which follow.")
    version: AggregateVersion = Field(
        description="The version of its last event that changed its status; those that follow have later ones."
    )
    status: Slug = Field(
        description=(
            "Where it stands. Open set; today `proposed`, `accepted_by_one`, `active`, `review_due`, `booked`, "
            "`postponed`, `requested`, `seat_held`, `confirmed`, `waitlisted`, `seat_offered`, `offer_expired` or "
            "`attending`."
        ),
        examples=["booked"],
    )
    changed_at: UtcDatetime = Field(description="When its status last changed.")


class ReferralSnapshot(ReferralEvent):
    """A referral that you did not follow until now, as it stands.

    Emitted by partners on one organisation's stream, once for each open referral that it may see from now on.
    Nothing has happened to the referral itself; events that follow continue from `aggregate_version`.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.stream.snapshot.v1"

    status: Slug = Field(
        description=(
            "Where the referral stands. Open set; today `submitted`, `received`, `under_review`, `accepted`, "
            "`declined`, `withdrawn`, `overdue`, `expired`."
        ),
        examples=["under_review"],
    )
    themes: tuple[Theme, ...] = Field(
        min_length=1,
        description="What the person needs, as thématiques of the data-inclusion vocabulary.",
        examples=[["numerique--acceder-a-des-services-en-ligne"]],
    )
    submitted_at: UtcDatetime = Field(description="When the referrer submitted it.")
    changed_at: UtcDatetime = Field(description="When its status last changed.")
    steps: tuple[OpenStep, ...] | None = Field(
        default=None,
        description=(
            "What goes on for it, oldest change first: the running accompaniment, appointments to come, enrolments. "
            "What is over is not there, and there is none where nothing goes on."
        ),
    )
    subject_ref: SubjectRef | None = Field(
        default=None,
        description=(
            "Opaque reference of the person, once they were identified: what `person.erased` will name. Absent or null "
            "before: `person.identified` follows."
        ),
    )
    reason: Slug = Field(
        description="Why you see it now. Open set; today `joined`, `widened` or `moved` (the person).",
        examples=["joined"],
    )


class ReferralLeftScope(Event):
    """You may no longer follow this referral; forget what you hold of it.

    Emitted by partners on one organisation's stream. It takes back every event that carries this `referral_id`: those
    of its accompaniment, appointments and enrolments too. Nothing follows about any of them unless a snapshot brings
    the referral back. It does not mean that the referral is closed.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.stream.left_scope.v1"
    aggregate_field: ClassVar[str] = "referral_id"

    referral_id: ReferralId = Field(description="The referral that left.")
    reason: Slug = Field(
        description="Why. Open set; today `narrowed` (your territory) or `moved` (the person).",
        examples=["narrowed"],
    )
    left_at: UtcDatetime = Field(description="When it left.")


class EventErased(Event):
    """Here stood an event about a person whose data were erased since; nothing is left of it.

    Emitted by partners on one organisation's stream, at the place and under the id and time of what it replaces, from
    the moment of the person's erasure. It obliges to nothing: whoever was told of the person is told by
    `person.erased`. It is there so that positions stay without gaps and a day's digest stays what it was. No webhook
    sends it, and copies on Kafka that are older than the erasure are not replaced: they age out.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.stream.event_erased.v1"
    aggregate_field: ClassVar[str] = "event_id"

    event_id: UUID = Field(
        description="The id of the event that stood here, which is this one's. Its subject is the same, and its story."
    )
    erased_type: Text = Field(
        description="The type of the event that stood here.", examples=["fr.maillage.referrals.referral.submitted.v1"]
    )
    erased_on: date = Field(
        description=(
            "The day (UTC) on which it was erased from your stream. The day only: the moment would tell of whom it was."
        ),
        examples=["2026-06-01"],
    )
