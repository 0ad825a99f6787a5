"""Do what one of the two organisations asks of an appointment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registration.app.ports import Appointments, Organisations
from registration.app.scope import is_within
from registration.domain.appointment import Appointment, Ask
from registration.domain.appointment_table import CLOSING, Actor, Command
from registration.domain.errors import NotFound, OutsideTerritory


@dataclass(frozen=True, slots=True)
class Reached:
    """A locked appointment, as what an organisation may act on it, and whether it may know anything of it."""

    appointment: Appointment
    by: Actor
    within: bool


async def reach_appointment(
    appointment_id: UUID,
    organisation_id: UUID,
    command: Command,
    *,
    appointments: Appointments,
    organisations: Organisations,
) -> Reached:
    """Return a locked appointment to whoever may ask this of it. Raises NotFound to a third organisation.

    OutsideTerritory, a NotFound to be recorded, to a council that would go on with somebody who does not live, or no
    more, in its territory. It may still close the appointment, and is told nothing more of it.
    """
    appointment = await appointments.lock(appointment_id)
    by = None if appointment is None else appointment.quality_of(organisation_id)
    if appointment is None or by is None:
        raise NotFound
    within = await is_within(appointment.accompaniment, organisation_id, organisations)
    if not within and command not in CLOSING:
        raise OutsideTerritory
    return Reached(appointment, by, within)


async def change_appointment(reached: Reached, ask: Ask, *, appointments: Appointments, now: datetime) -> None:
    """Change a locked appointment, or raise what the domain refuses."""
    await appointments.save(reached.appointment, reached.appointment.decide(ask, reached.by, now))
