"""Facts about appointments (rendez-vous) of a person with the organisations that accompany them.

Postponing is never held against anybody: `postponed` says which date no longer holds, and has no room for anything
else. Who may consume it, and for what, is in POSTPONEMENT_READERS.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from pydantic import Field

from maillage_contracts.base import Event
from maillage_contracts.referrals import Routing
from maillage_contracts.types import (
    AccompanimentId,
    AppointmentId,
    OrganisationId,
    ReferralId,
    Slug,
    SubjectRef,
    UtcDatetime,
)

POSTPONEMENT_READERS: Mapping[str, str] = MappingProxyType(
    {
        "notifications": "takes back the reminder of the date that no longer holds, and tells the person so",
        "partners": "shows the parties that another date will follow",
        "referrals": "shows the association and the two organisations that another date will follow",
    }
)
"""Who may consume `AppointmentPostponed`, and for what. Nobody else may: a test compares this with the code."""

_MODALITY = "How they meet. Open set; today `in_person`, `phone`, `video` or `chat`."


class AppointmentEvent(Event):
    """What every event of an appointment carries."""

    aggregate_field: ClassVar[str] = "appointment_id"

    appointment_id: AppointmentId = Field(description="Stable for the life of the appointment, whatever its date.")
    accompaniment_id: AccompanimentId = Field(description="The joint accompaniment it belongs to.")
    referral_id: ReferralId = Field(description="The referral that led to it.")
    subject_ref: SubjectRef = Field(description="Opaque reference of the person.")
    routing: Routing = Field(description="Where this event belongs: the routing of the accompaniment.")


class AppointmentProposed(AppointmentEvent):
    """An organisation offers the person one or more dates.

    Emitted by registration once per appointment, first, and again when other dates are offered after a postponement.
    Nothing is agreed yet: wait for `booked`.
    """

    event_type: ClassVar[str] = "fr.maillage.registration.appointment.proposed.v1"

    organiser_organisation_id: OrganisationId = Field(description="The organisation that offers the dates.")
    modality: Slug = Field(description=_MODALITY, examples=["in_person"])
    options: tuple[UtcDatetime, ...] = Field(min_length=1, description="The dates offered.")
    duration_minutes: int = Field(ge=5, le=480, description="How long it takes, in minutes.", examples=[45])
    proposed_at: UtcDatetime = Field(description="When they were offered.")


class AppointmentBooked(AppointmentEvent):
    """A date is agreed.

    Emitted by registration each time one is, the first as well as those after a postponement. The latest one holds.
    """

    event_type: ClassVar[str] = "fr.maillage.registration.appointment.booked.v1"

    organiser_organisation_id: OrganisationId = Field(description="The organisation that receives the person.")
    modality: Slug = Field(description=_MODALITY, examples=["in_person"])
    starts_at: UtcDatetime = Field(description="When it begins.", examples=["2026-03-24T13:00:00Z"])
    duration_minutes: int = Field(ge=5, le=480, description="How long it takes, in minutes.", examples=[45])
    booked_at: UtcDatetime = Field(description="When it was agreed.")


class AppointmentPostponed(AppointmentEvent):
    """The agreed date no longer holds; another one follows with `booked`.

    Emitted by registration each time, with no reason, no author and no count: postponing has no consequence, and this
    event may be read only by those in POSTPONEMENT_READERS, for what is said there.
    """

    event_type: ClassVar[str] = "fr.maillage.registration.appointment.postponed.v1"

    previous_starts_at: UtcDatetime = Field(description="The date that no longer holds.")


class AppointmentHeld(AppointmentEvent):
    """The appointment took place.

    Emitted by registration at most once per appointment.
    """

    event_type: ClassVar[str] = "fr.maillage.registration.appointment.held.v1"

    held_at: UtcDatetime = Field(description="When the organisation said so.")


class AppointmentMissed(AppointmentEvent):
    """Nobody met at the agreed time.

    Emitted by registration at most once per appointment. It opens a contact attempt and a time to be heard; nothing
    may follow from it before, and it does not say whose doing it was.
    """

    event_type: ClassVar[str] = "fr.maillage.registration.appointment.missed.v1"

    missed_at: UtcDatetime = Field(description="When the organisation said so.")


class AppointmentCancelled(AppointmentEvent):
    """The appointment will not take place, and no other date was asked for.

    Emitted by registration at most once per appointment. Cancelling has no consequence for the person.
    """

    event_type: ClassVar[str] = "fr.maillage.registration.appointment.cancelled.v1"

    cancelled_by: Slug = Field(description="Who. Open set; today `person` or `service`.", examples=["service"])
    cancelled_at: UtcDatetime = Field(description="When.")
