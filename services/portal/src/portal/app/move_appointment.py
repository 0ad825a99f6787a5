"""Move an appointment because the person asks for it. No reason is asked, none is kept."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from portal.app.ports import AppointmentDesk
from portal.domain.appointment import Appointment
from portal.domain.dates import instant, instead_of
from portal.domain.member import Member


async def move_appointment(
    desk: AppointmentDesk, member: Member, found: Appointment, starts_at: datetime | None, *, key: str
) -> None:
    """Take the agreed date back and book the other one, offered or agreed by word of mouth, all at once or not at all.

    Without another date, the appointment waits for one.
    """
    body = instead_of(found.starts_at)
    if starts_at is not None:
        body["starts_at"] = instant(starts_at)
    await desk.command(member, found.appointment_id, "postponement", body, key=key)


async def book_agreed(
    desk: AppointmentDesk, member: Member, appointment_id: UUID, starts_at: datetime, *, key: str
) -> None:
    """Offer one date that was agreed by word of mouth, and book it."""
    await desk.command(member, appointment_id, "options", {"options": [instant(starts_at)]}, key=f"{key}-2")
    await desk.command(member, appointment_id, "booking", {"starts_at": instant(starts_at)}, key=f"{key}-3")
