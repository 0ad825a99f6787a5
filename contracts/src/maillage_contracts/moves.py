"""A person whose referral waits for an answer lives elsewhere from now on: the referral follows."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from maillage_contracts.referrals import ReferralEvent
from maillage_contracts.types import CommuneCode, OrganisationId, Slug, Theme, UtcDatetime


class ReferralMoved(ReferralEvent):
    """The person of a referral that waits for an answer now lives in another commune.

    Emitted by referrals when one of the two parties says so. `routing` is the new one, on this event and on those that
    follow. Where another council has jurisdiction there, it is the receiver from now on, `status` is `submitted` again
    and its time to answer begins. On organisations' own streams only those that see both communes, and the referrer,
    are told by this event: the others by `stream.left_scope` and `stream.snapshot`. It does not say where the person
    went within the commune, nor why.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.referral.moved.v1"

    previous_commune: CommuneCode = Field(
        description="INSEE code of the commune where the person lived until then.", examples=["93048"]
    )
    previous_receiver_organisation_id: OrganisationId = Field(
        description="Who was asked to answer until then: the same organisation where it answers for both communes."
    )
    status: Slug = Field(
        description=(
            "Where the referral stands now. Open set; today `submitted`, `received`, `under_review` or `overdue`."
        ),
        examples=["submitted"],
    )
    themes: tuple[Theme, ...] = Field(
        min_length=1,
        description="What the person needs, as in `referral.submitted`: whoever is asked now may not have read that.",
        examples=[["logement-hebergement--louer-un-logement"]],
    )
    submitted_at: UtcDatetime = Field(description="When the referrer submitted it.", examples=["2026-03-02T09:30:00Z"])
    told_by: Slug = Field(description="Who said so. Open set; today `referrer` or `receiver`.", examples=["referrer"])
    moved_at: UtcDatetime = Field(description="When it was said, not when the person moved.")
