"""What a signed link is good for, and until when. A link belongs to one appointment and one purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from registration.domain.appointment import Appointment
from registration.domain.errors import LinkExpired

LASTS: Final = timedelta(days=30)
"""From the day it is made, where no later date is agreed."""

LASTS_AFTER: Final = timedelta(days=1)
"""After the appointment's date: time to look at it, whatever the link itself says."""


class Purpose(StrEnum):
    APPOINTMENT = "appointment"
    """See it, choose a date, postpone, cancel; and see what was shared with whom."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link, before it is signed or after it was verified."""

    purpose: Purpose
    appointment_id: UUID
    expires_at: datetime

    def check(self, appointment: Appointment, now: datetime) -> None:
        """Raise LinkExpired once its time is over, or that of the appointment: an old link opens no later one."""
        if now >= self.expires_at or is_over(appointment, now):
            raise LinkExpired


def link_to(appointment: Appointment, now: datetime) -> Link | None:
    """Return a new link; None where it would not open."""
    if is_over(appointment, now):
        return None
    expires_at = now + LASTS
    if appointment.starts_at is not None:
        expires_at = max(expires_at, appointment.starts_at + LASTS_AFTER)
    return Link(Purpose.APPOINTMENT, appointment.appointment_id, expires_at)


def is_over(appointment: Appointment, now: datetime) -> bool:
    """Say whether the appointment's date was more than a day ago; one without a date is not over."""
    return appointment.starts_at is not None and now >= appointment.starts_at + LASTS_AFTER
