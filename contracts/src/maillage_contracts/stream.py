"""Events that exist only on an organisation's own stream, beside the source events copied there unchanged.

They tell an organisation what enters or leaves what it may see, when its territory or its rights change
rather than the referral.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from maillage_contracts.base import Event
from maillage_contracts.referrals import ReferralEvent
from maillage_contracts.types import ReferralId, Slug, Theme, UtcDatetime


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
    reason: Slug = Field(description="Why you see it now. Open set; today `joined` or `widened`.", examples=["joined"])


class ReferralLeftScope(Event):
    """You may no longer follow this referral; forget what you hold of it.

    Emitted by partners on one organisation's stream. Nothing follows about this referral unless a snapshot
    brings it back. It does not mean that the referral is closed.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.stream.left_scope.v1"
    aggregate_field: ClassVar[str] = "referral_id"

    referral_id: ReferralId = Field(description="The referral that left.")
    reason: Slug = Field(
        description="Why. Open set; today `narrowed` (your territory) or `moved` (the person).",
        examples=["narrowed"],
    )
    left_at: UtcDatetime = Field(description="When it left.")
