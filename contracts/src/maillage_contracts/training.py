"""Facts about training sessions and the seats in them. Held and confirmed seats never exceed a session's seats."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from maillage_contracts.base import Event
from maillage_contracts.types import CommuneCode, OrganisationId, SessionId, Slug, Theme, UtcDatetime


class TrainingSessionEvent(Event):
    """What every event of a session carries."""

    aggregate_field: ClassVar[str] = "session_id"

    session_id: SessionId = Field(description="Stable for the life of the session.")
    organisation_id: OrganisationId = Field(description="The organisation that holds it.")


class TrainingSessionOpened(TrainingSessionEvent):
    """A session can be asked for from now on.

    Emitted by training once per session, first.
    """

    event_type: ClassVar[str] = "fr.maillage.training.session.opened.v1"

    theme: Theme = Field(
        description="What it teaches, as a thématique of the data-inclusion vocabulary.",
        examples=["numerique--maitriser-les-fondamentaux-du-numerique"],
    )
    commune: CommuneCode = Field(description="Where it is held.", examples=["93048"])
    seats: int = Field(ge=0, le=1000, description="How many people it takes; zero means none.", examples=[10])
    hours: int = Field(ge=1, le=2000, description="How long it is in all, in hours.", examples=[12])
    starts_at: UtcDatetime = Field(description="When it begins.")
    opened_at: UtcDatetime = Field(description="When it was opened.")


class TrainingSessionCancelled(TrainingSessionEvent):
    """The session will not take place.

    Emitted by training at most once per session; each enrolment is told by an event of its own.
    """

    event_type: ClassVar[str] = "fr.maillage.training.session.cancelled.v1"

    reason: Slug = Field(
        description="Why. Open set; today `too_few_people`, `no_trainer`, `no_room` or `other`.", examples=["no_room"]
    )
    cancelled_at: UtcDatetime = Field(description="When it was cancelled.")
