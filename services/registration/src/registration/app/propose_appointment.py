"""Offer a person one or more dates, for one of the two organisations that accompany them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from registration.app.ports import Appointments
from registration.domain.appointment import Appointment, Ask, Modality
from registration.domain.appointment_table import Actor, Command
from registration.domain.errors import InputRefused, NotFound


@dataclass(frozen=True, slots=True)
class ProposeAppointment:
    """Who receives whom, how, where, and when at best. `place` is never printed: it is free text."""

    appointment_id: UUID
    accompaniment_id: UUID
    organiser_id: UUID
    modality: Modality
    duration_minutes: int
    options: tuple[datetime, ...]
    place: str | None = field(default=None, repr=False)


async def propose_appointment(asked: ProposeAppointment, *, appointments: Appointments, now: datetime) -> Appointment:
    """Return the new appointment. Raises NotFound unless the organiser accompanies the person now, InputRefused."""
    accompaniment = await appointments.accompaniment(asked.accompaniment_id)
    if accompaniment is None or not accompaniment.has(asked.organiser_id) or not accompaniment.is_joint:
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
