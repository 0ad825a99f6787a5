"""Instants as French readers write them, in this machine's own time zone."""

from __future__ import annotations

from datetime import datetime

DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


def in_full(instant: str) -> str:
    """Write an ISO instant as `mardi 24 novembre 2026 à 14 h 05 min 09 s`; what is none is returned as it is."""
    try:
        at = datetime.fromisoformat(instant).astimezone()
    except ValueError:
        return instant
    day = "1er" if at.day == 1 else str(at.day)
    return (
        f"{DAYS[at.weekday()]} {day} {MONTHS[at.month - 1]} {at.year} à {at.hour} h {at.minute:02} min {at.second:02} s"
    )


def short(instant: str) -> str:
    """Write an ISO instant as `24/11 14:05:09`."""
    try:
        return f"{datetime.fromisoformat(instant).astimezone():%d/%m %H:%M:%S}"
    except ValueError:
        return instant
