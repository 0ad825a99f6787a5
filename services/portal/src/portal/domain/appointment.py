"""Appointments as an organisation's agenda shows them, and as the person sees theirs by link.

Nothing here says who asked for another date, why, or how often: the services do not keep it, and no page asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby
from uuid import UUID

from portal.domain.referral import Party

MODALITIES = ("in_person", "phone", "video", "chat")
STATUSES = ("proposed", "booked", "postponed", "held", "missed", "cancelled_by_person", "cancelled_by_service")
UNDATED_STATUSES = ("proposed", "postponed")
ENDED_STATUSES = ("held", "missed", "cancelled_by_person", "cancelled_by_service")


@dataclass(frozen=True, slots=True)
class Appointment:
    """One appointment as an organisation that takes part in it sees it."""

    appointment_id: UUID
    accompaniment_id: UUID | None
    status: str
    starts_at: datetime | None
    options: tuple[datetime, ...]
    modality: str
    duration_minutes: int
    place: str
    person_name: str
    organiser: Party
    allowed: tuple[str, ...]

    def open_dates(self, now: datetime) -> tuple[datetime, ...]:
        """Return the dates one can still choose, the agreed one apart."""
        return _open(self.options, self.starts_at, now)


def _open(options: Sequence[datetime], agreed: datetime | None, now: datetime) -> tuple[datetime, ...]:
    return tuple(sorted({one for one in options if one > now and one != agreed}))


@dataclass(frozen=True, slots=True)
class AgendaDay:
    day: date
    appointments: tuple[Appointment, ...]


@dataclass(frozen=True, slots=True)
class Agenda:
    """`unanswered`: past ones the reader is still to judge; `undated`: those whose date is still to be chosen."""

    unanswered: tuple[Appointment, ...]
    undated: tuple[Appointment, ...]
    days: tuple[AgendaDay, ...]


def arrange(found: Sequence[Appointment], *, first: date, last: date, now: datetime, zone: tzinfo) -> Agenda:
    """Arrange appointments by day, oldest first; today stands there even when it is empty."""
    dated = sorted(
        ((one.starts_at, one) for one in found if one.starts_at is not None and one.status not in UNDATED_STATUSES),
        key=lambda pair: pair[0],
    )
    unanswered = tuple(one for starts_at, one in dated if "holding" in one.allowed and starts_at <= now)
    undated = tuple(one for one in found if one.starts_at is None or one.status in UNDATED_STATUSES)
    shown = [
        (starts_at.astimezone(zone).date(), one) for starts_at, one in dated
        if first <= starts_at.astimezone(zone).date() <= last
    ]  # fmt: skip
    days = {day: tuple(one for _, one in group) for day, group in groupby(shown, key=lambda pair: pair[0])}
    today = now.astimezone(zone).date()
    if first <= today <= last:
        days.setdefault(today, ())
    return Agenda(
        unanswered,
        tuple(one for one in undated if one.status not in ENDED_STATUSES),
        tuple(AgendaDay(day, days[day]) for day in sorted(days)),
    )


def days_of(first: date, count: int) -> tuple[date, date]:
    """Return the first and last of `count` days."""
    return first, first + timedelta(days=count - 1)


@dataclass(frozen=True, slots=True)
class OwnAppointment:
    """The appointment as the person it is for sees it."""

    first_name: str
    status: str
    starts_at: datetime | None
    options: tuple[datetime, ...]
    modality: str
    duration_minutes: int
    place: str
    organiser: Party
    can: tuple[str, ...]

    @property
    def choosing(self) -> str:
        """Return the act that choosing a date is now, or nothing."""
        return next((act for act in ("postponement", "booking") if act in self.can), "")

    def open_dates(self, now: datetime) -> tuple[datetime, ...]:
        """Return the dates one can still choose, the agreed one apart."""
        return _open(self.options, self.starts_at, now)


@dataclass(frozen=True, slots=True)
class Shared:
    """Who told whom something about the person."""

    at: datetime
    what: str
    from_name: str
    to_name: str


ACTS: Mapping[str, tuple[str, ...]] = {
    "outcome": ("holding", "absence"),
    "booking": ("booking",),
    "move": ("postponement",),
    "dates": ("options",),
    "cancellation": ("cancellation",),
}
"""The pages of acts on an appointment, in the order of the work, and the service's acts each of them leads to."""


CLOSING = ("outcome", "cancellation")
"""The pages of acts by which a council ends its part where the person does not live, or no more, in its territory."""


def unread(appointment_id: UUID, seen: datetime | None) -> Appointment:
    """Return an appointment of which the reader knows nothing but the date that the agenda showed, to be closed."""
    allowed = tuple(act for page in CLOSING for act in ACTS[page])
    status = "booked" if seen is not None else "proposed"
    return Appointment(appointment_id, None, status, seen, (), "", 0, "", "", Party("", ""), allowed)


def pages_of(one: Appointment, now: datetime) -> tuple[str, ...]:
    """Return the acts to offer now; the service's own list decides, a date to choose must exist to be chosen."""
    offered = [page for page, acts in ACTS.items() if any(act in one.allowed for act in acts)]
    if "booking" in offered and not one.open_dates(now):
        offered.remove("booking")
    return tuple(offered)
