"""The legal terms of a joint accompaniment: how long after which fact each of them comes."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta

ORIENTATION_AFTER = timedelta(weeks=6)
"""For both organisations to answer, from the proposal."""

CONTRACT_MONTHS = 1
"""To sign the contract, from the second agreement."""

JOINT_DIAGNOSIS_MONTHS = 12
"""To look at the situation together again, from the second agreement or the last review."""


def months_after(at: datetime, months: int) -> datetime:
    """Return the same day and time `months` later; the last day of a month that has no such day."""
    years, month = divmod(at.month - 1 + months, 12)
    year, month = at.year + years, month + 1
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))
