"""How long a stream keeps its events: two years, in whole days (UTC).

A day is purged as a whole, once its digest is kept: a reader that read everything can prove it for ever, of days whose
events are gone too. Nobody's pause holds a purge up: whoever had not read by then is told that something is missing.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

STREAM_DAYS: Final = 366 * 2
"""Days of which events are kept, today's among them: two years, whichever of them are leap years."""


def oldest_kept_day(now: datetime) -> date:
    """Return the first day (UTC) whose events are kept."""
    return now.date() - timedelta(days=STREAM_DAYS - 1)
