"""The days that a file of events is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from portal.domain.draft import Fault
from portal.domain.plan import day_of

DAYS_MAX = 366 * 2
"""As long as a stream is kept."""

DAYS_OFFERED = 7

FORMATS = ("csv", "jsonl")


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both included, as the stream counts them: in universal time."""

    first: date
    last: date


def last_days(today: date) -> Period:
    """Return the period that is offered first."""
    return Period(today - timedelta(days=DAYS_OFFERED - 1), today)


def period_of(first: str, last: str) -> Period | tuple[Fault, ...]:
    """Return the period that two days as typed make, or what is wrong, in the order of the page."""
    start, end = day_of(first), day_of(last)
    if start is None or end is None:
        found = [Fault("du", "fault.files.first")] if start is None else []
        return (*found, Fault("au", "fault.files.last")) if end is None else tuple(found)
    if end < start:
        return (Fault("au", "fault.files.order"),)
    if (end - start).days >= DAYS_MAX:
        return (Fault("du", "fault.files.long"),)
    return Period(start, end)
