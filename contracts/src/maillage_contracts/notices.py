"""Facts about notices (messages) to people and organisations: never what one says, nor to which address."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from maillage_contracts.base import Event
from maillage_contracts.types import NoticeId, OrganisationId, ReferralId, Slug, SubjectRef, UtcDatetime


class NoticeEvent(Event):
    """What every event of a notice carries."""

    aggregate_field: ClassVar[str] = "notice_id"

    notice_id: NoticeId = Field(description="Stable for the life of the notice.")
    template: Slug = Field(description="Which text it is.", examples=["appointment_booked"])
    audience: Slug = Field(
        description="To whom. Open set; today `person`, `association`, `council` or `employment_service`.",
        examples=["person"],
    )
    subject_ref: SubjectRef | None = Field(default=None, description="The person, where it is for one.")
    organisation_id: OrganisationId | None = Field(default=None, description="The organisation, where it is for one.")
    referral_id: ReferralId | None = Field(default=None, description="The referral it is about, where there is one.")


class NoticeHeld(NoticeEvent):
    """The notice waits for a decent hour.

    Emitted by notifications when it falls into quiet hours.
    """

    event_type: ClassVar[str] = "fr.maillage.notifications.notice.held.v1"

    until: UtcDatetime = Field(description="When it will be looked at again.")


class NoticeSuppressed(NoticeEvent):
    """The notice will not be sent.

    Emitted by notifications at most once per notice. The reason never blames anybody.
    """

    event_type: ClassVar[str] = "fr.maillage.notifications.notice.suppressed.v1"

    reason: Slug = Field(
        description=(
            "Why. Open set; today `opt_out`, `duplicate`, `stale`, `no_channel`, `too_many`, `erased` or `sandbox`."
        ),
        examples=["stale"],
    )
    suppressed_at: UtcDatetime = Field(description="When.")


class NoticeSuperseded(NoticeEvent):
    """A newer fact made the notice untrue before it was sent.

    Emitted by notifications at most once per notice.
    """

    event_type: ClassVar[str] = "fr.maillage.notifications.notice.superseded.v1"

    superseded_at: UtcDatetime = Field(description="When.")


class NoticeSent(NoticeEvent):
    """The notice was handed to a carrier.

    Emitted by notifications once per channel tried with success. It does not mean that it arrived.
    """

    event_type: ClassVar[str] = "fr.maillage.notifications.notice.sent.v1"

    channel: Slug = Field(description="How. Open set; today `email` or `sms`.", examples=["email"])
    sent_at: UtcDatetime = Field(description="When.")


class NoticeDelivered(NoticeEvent):
    """The carrier says that the notice arrived.

    Emitted by notifications where the carrier gives receipts; silence proves nothing.
    """

    event_type: ClassVar[str] = "fr.maillage.notifications.notice.delivered.v1"

    channel: Slug = Field(description="How. Open set; today `sms`.", examples=["sms"])
    delivered_at: UtcDatetime = Field(description="When.")


class NoticeExhausted(NoticeEvent):
    """No channel worked: somebody has to call or write.

    Emitted by notifications at most once per notice; it is a task for a human of the organisation.
    """

    event_type: ClassVar[str] = "fr.maillage.notifications.notice.exhausted.v1"

    exhausted_at: UtcDatetime = Field(description="When the last try failed.")
