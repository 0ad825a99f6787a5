"""Do what one of the two organisations asks of an appointment."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from registration.app.ports import Appointments
from registration.domain.appointment import Appointment, Ask
from registration.domain.errors import NotFound


async def change_appointment(
    appointment_id: UUID, organisation_id: UUID, ask: Ask, *, appointments: Appointments, now: datetime
) -> Appointment:
    """Return the appointment as changed. Raises NotFound to a third organisation, else what the domain refuses."""
    appointment = await appointments.lock(appointment_id)
    by = None if appointment is None else appointment.quality_of(organisation_id)
    if appointment is None or by is None:
        raise NotFound
    await appointments.save(appointment, appointment.decide(ask, by, now))
    return appointment
