"""Facts about a joint accompaniment (accompagnement global): a council and an employment service support one person.

One aggregate of two organisations. What either side notes for itself, and what goals and actions say in words, are
never in an event: the two parties read them at `referrals`, each its own and the shared plan.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import Field

from maillage_contracts.base import Event, Part
from maillage_contracts.referrals import Routing
from maillage_contracts.types import (
    AccompanimentId,
    ActionId,
    OrganisationId,
    ReferralId,
    SessionId,
    Slug,
    SubjectRef,
    Theme,
    UtcDatetime,
)


class AccompanimentEvent(Event):
    """What every event of a joint accompaniment carries."""

    aggregate_field: ClassVar[str] = "accompaniment_id"

    accompaniment_id: AccompanimentId = Field(description="Stable for the life of the accompaniment.")
    referral_id: ReferralId = Field(description="The referral that led to it.")
    subject_ref: SubjectRef = Field(description="Opaque reference of the person.")
    routing: Routing = Field(
        description="Where this event belongs: the routing of the referral, and the employment service asked."
    )


class PlannedAction(Part):
    """One action of the shared plan, in codes. Its words stay with the two parties."""

    action_id: ActionId = Field(description="Stable for the life of the action.")
    kind: Slug = Field(
        description="What it is. Open set; today `step` (something to do) or `training` (a session to attend).",
        examples=["training"],
    )
    theme: Theme = Field(
        description="What it is about, as a thématique of the data-inclusion vocabulary.",
        examples=["numerique--maitriser-les-fondamentaux-du-numerique"],
    )
    assigned_to: Slug = Field(
        description="Who does it. Open set; today `council`, `employment_service` or `person`.", examples=["person"]
    )
    due_on: date | None = Field(default=None, description="By when, where a day was agreed.", examples=["2026-04-30"])
    state: Slug = Field(description="Open set; today `planned`, `done` or `dropped`.", examples=["planned"])
    session_id: SessionId | None = Field(default=None, description="For a `training` action: the session asked for.")


class AccompanimentProposed(AccompanimentEvent):
    """One organisation proposed to accompany the person together.

    Emitted by referrals once per accompaniment, first. Nobody has agreed yet, the proposer included.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.accompaniment.proposed.v1"

    proposed_by: OrganisationId = Field(description="The organisation that proposed it: one of the two.")
    proposed_at: UtcDatetime = Field(description="When it was proposed.")


class AccompanimentAccepted(AccompanimentEvent):
    """One of the two organisations agreed; the other has still to answer.

    Emitted by referrals at most once per accompaniment. Wait for `activated` before telling anybody that both agreed.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.accompaniment.accepted.v1"

    accepted_by: OrganisationId = Field(description="The organisation that agreed first.")
    accepted_at: UtcDatetime = Field(description="When it agreed.")


class AccompanimentActivated(AccompanimentEvent):
    """Both organisations agreed: the person is accompanied by the two from now on.

    Emitted by referrals at most once per accompaniment. It does not mean that an appointment exists.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.accompaniment.activated.v1"

    accepted_by: OrganisationId = Field(description="The organisation whose agreement completed it.")
    activated_at: UtcDatetime = Field(description="When the second agreed.")


class AccompanimentRefused(AccompanimentEvent):
    """One of the two organisations did not agree: there is no joint accompaniment.

    Emitted by referrals at most once per accompaniment. It is no judgement on the person, and the referral stands.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.accompaniment.refused.v1"

    refused_by: OrganisationId = Field(description="The organisation that did not agree.")
    refused_at: UtcDatetime = Field(description="When it said so.")


class AccompanimentPlanChanged(AccompanimentEvent):
    """The shared plan is now as given here.

    Emitted by referrals at each change, with every action. A `training` action asks `training` for a seat by being
    there; it does not mean that there is one.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.accompaniment.plan_changed.v1"

    changed_by: OrganisationId = Field(description="The organisation that changed it.")
    actions: tuple[PlannedAction, ...] = Field(description="Every action of the plan, in its order.")
    changed_at: UtcDatetime = Field(description="When it was changed.")


class AccompanimentTermDue(AccompanimentEvent):
    """A legal term of the accompaniment has come.

    Emitted by referrals, by the clock, at most once per term. It reminds the two organisations of what they owe the
    person, and asks nothing of the person.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.accompaniment.term_due.v1"

    term: Slug = Field(
        description=(
            "Which. Open set; today `orientation` (both answer within six weeks), `contract` (signed within a month) "
            "or `joint_diagnosis` (renewed within twelve months)."
        ),
        examples=["contract"],
    )
    due_at: UtcDatetime = Field(description="When the term came.")


class AccompanimentReviewDue(AccompanimentEvent):
    """The two organisations and the person have to look at the plan together.

    Emitted by referrals, by the clock. The accompaniment goes on meanwhile.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.accompaniment.review_due.v1"

    due_at: UtcDatetime = Field(description="Since when.")


class AccompanimentReviewed(AccompanimentEvent):
    """The plan was looked at together, and the accompaniment goes on.

    Emitted by referrals after each review.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.accompaniment.reviewed.v1"

    reviewed_by: OrganisationId = Field(description="The organisation that said so.")
    reviewed_at: UtcDatetime = Field(description="When the review was held.")


class AccompanimentEnded(AccompanimentEvent):
    """One side ended its part: the accompaniment is no longer joint.

    Emitted by referrals at most once per accompaniment. It is not a sanction, and the other side may go on alone.
    """

    event_type: ClassVar[str] = "fr.maillage.referrals.accompaniment.ended.v1"

    ended_by: OrganisationId = Field(description="The organisation that ended its part.")
    reason: Slug = Field(
        description=(
            "Why. Open set; today `employment`, `tier_change`, `moved`, `person_request` or `partner_withdrew`; on an "
            "association's own stream always `ended`, since reasons are not told there."
        ),
        examples=["employment"],
    )
    ended_at: UtcDatetime = Field(description="When it ended.")
