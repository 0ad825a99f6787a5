"""A day to come, as a form takes it and as a page writes it: the portal under test has the clock of today."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip


def in_a_month() -> date:
    """Return a day thirty days from now."""
    return datetime.now(UTC).date() + timedelta(days=30)


def day_in_words(day: date) -> str:
    """Return a day as the French pages write it: `mardi 12 janvier 2027`, `vendredi 1er janvier 2027`."""
    number = "1er" if day.day == 1 else str(day.day)
    return f"{DAYS[day.weekday()]} {number} {MONTHS[day.month - 1]} {day.year}"
