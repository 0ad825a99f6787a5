"""Offer a person one or more dates, for one of the two organisations that accompany them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from registration.app.ports import Appointments, Organisations
from registration.app.scope import is_within
from registration.domain.accompaniment import Accompaniment
from registration.domain.appointment import Appointment, Ask, Modality
from registration.domain.appointment_table import Actor, Command
from registration.domain.errors import InputRefused, NotFound, OutsideTerritory


@dataclass(frozen=True, slots=True)
class ProposeAppointment:
    """Who receives the person, how, where, and when at best. `place` is never printed: it is free text."""

    appointment_id: UUID
    organiser_id: UUID
    modality: Modality
    duration_minutes: int
    options: tuple[datetime, ...]
    place: str | None = field(default=None, repr=False)


async def reach_accompaniment(
    accompaniment_id: UUID, organisation_id: UUID, *, appointments: Appointments, organisations: Organisations
) -> Accompaniment:
    """Return an accompaniment, whose person stays as they are, to one of its two organisations. Raises NotFound.

    OutsideTerritory, a NotFound to be recorded, to a council in whose territory the person does not live, or no more.
    """
    accompaniment = await appointments.accompaniment(accompaniment_id)
    if accompaniment is None or not accompaniment.has(organisation_id):
        raise NotFound
    if not await is_within(accompaniment, organisation_id, organisations):
        raise OutsideTerritory
    return accompaniment


async def propose_appointment(
    asked: ProposeAppointment, accompaniment: Accompaniment, *, appointments: Appointments, now: datetime
) -> Appointment:
    """Return the new appointment. Raises NotFound unless the person is accompanied now, InputRefused."""
    if not accompaniment.is_joint:
        raise NotFound
    if asked.modality is Modality.PHONE and asked.place is not None:
        # There is nowhere to go; a number would be the person's, which has its own sealed place.
        raise InputRefused("place", "none_by_phone")
    appointment = Appointment(
        appointment_id=asked.appointment_id,
        accompaniment=accompaniment,
        organiser_id=asked.organiser_id,
        modality=asked.modality,
        duration_minutes=asked.duration_minutes,
        place=asked.place,
    )
    facts = appointment.decide(Ask(Command.PROPOSAL, options=asked.options), Actor.ORGANISER, now)
    await appointments.add(appointment, facts)
    return appointment
