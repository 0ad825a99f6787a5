"""When one may write to a person: never at night, on a Sunday or on a public holiday, where that person lives.

Organisations read their mail when they work: nothing here concerns them. Switched off (`quiet=False`, `per_day=None`),
every instant is decent and no day is full; only a demonstration or a test may do that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

OPENS = time(8)
CLOSES = time(20)
"""Local time of the person's commune."""

NOTICES_PER_DAY = 3
"""What one person gets in a day at most; the rest waits for the next morning."""

SUNDAY = 6
CLOSED_DAYS_MAX = 14
"""More closed days in a row exist nowhere: a calendar that says so is broken."""


class Calendar(Protocol):
    """What is particular to a place."""

    def zone(self, commune: str) -> ZoneInfo: ...

    def is_holiday(self, day: date, commune: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Courtesy:
    """The rules, over a calendar."""

    calendar: Calendar
    quiet: bool = True
    per_day: int | None = NOTICES_PER_DAY

    def decent_from(self, now: datetime, commune: str) -> datetime:
        """Return `now` if one may write at this instant, else the first instant at which one may."""
        local = self.local(now, commune)
        if not self.quiet or (self._is_open(local.date(), commune) and OPENS <= local.time() < CLOSES):
            return now
        day = local.date() if local.time() < OPENS else local.date() + timedelta(days=1)
        return self._opening(day, commune)

    def decent_on_another_day(self, now: datetime, commune: str) -> datetime:
        """Return the first decent instant of a later day."""
        return self._opening(self.local(now, commune).date() + timedelta(days=1), commune)

    def days_before(self, at: datetime, days: int, hour: time, commune: str) -> datetime:
        """Return `hour`, local time, so many days before `at`: earlier where that day is closed."""
        day = self.local(at, commune).date() - timedelta(days=days)
        for _ in range(CLOSED_DAYS_MAX):
            if self._is_open(day, commune):
                break
            day -= timedelta(days=1)
        return self._instant(day, hour, commune)

    def day_began(self, now: datetime, commune: str) -> datetime:
        """Return the local midnight before `now`."""
        return self._instant(self.local(now, commune).date(), time(0), commune)

    def local(self, at: datetime, commune: str) -> datetime:
        """Return the instant as the clocks of the commune show it."""
        return at.astimezone(self.calendar.zone(commune))

    def _is_open(self, day: date, commune: str) -> bool:
        return not self.quiet or (day.weekday() != SUNDAY and not self.calendar.is_holiday(day, commune))

    def _opening(self, day: date, commune: str) -> datetime:
        for _ in range(CLOSED_DAYS_MAX):
            if self._is_open(day, commune):
                break
            day += timedelta(days=1)
        return self._instant(day, OPENS, commune)

    def _instant(self, day: date, hour: time, commune: str) -> datetime:
        # Nowhere in France does a change of hour skip or repeat any of the hours used here but midnight's
        # neighbours; zoneinfo resolves those to one instant.
        return datetime.combine(day, hour, self.calendar.zone(commune)).astimezone(UTC)
