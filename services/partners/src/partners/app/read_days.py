"""What an organisation's stream held on each day: the digest that proves completeness, and the range a period covers.

A day of a stream begins with the first event written on that day (UTC) and ends before the first one of a later day, so
that it is a range of positions. Its digest is SHA-256 over the 16-byte ids in order, and nothing else: it is kept when
the events are purged, and no erasure changes it. An erasure changes no event either: an event of a stream says by
references alone whom it is about, and what they stood for is gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

from partners.app.ports import Feed, FeedRow
from partners.domain.errors import PeriodTooOld

DIGEST_DAYS_MAX = 31
PAGE_ROWS = 500
"""Rows of an export read at once: half a megabyte, whatever the period."""


@dataclass(frozen=True, slots=True)
class StreamDay:
    """One day on which a stream received something."""

    day: date
    first_position: int
    last_position: int
    complete: bool
    """A later day has begun: nothing is added to this one any more."""
    sha256: bytes | None
    """Known where it was computed since the day was complete."""
    kept: bool = True
    """Its events can still be read; of a day that was purged there is the digest alone."""


class StreamDays(Protocol):
    """The days of streams."""

    async def between(self, organisation_id: UUID, first: date, last: date) -> list[StreamDay]:
        """Return the days on which the stream received something, oldest first."""
        ...

    async def start_of(self, organisation_id: UUID, day: date) -> int:
        """Return the position before the first event of this day or of a later one; the last one where none is."""
        ...

    async def digest(self, organisation_id: UUID, day: StreamDay) -> bytes:
        """Compute the digest of a day's ids, and keep it where the day is complete."""
        ...


async def read_digests(
    days: StreamDays, organisation_id: UUID, first: date, last: date
) -> list[tuple[StreamDay, bytes]]:
    """Return each day with its digest, oldest first."""
    return [
        (day, day.sha256 or await days.digest(organisation_id, day))
        for day in await days.between(organisation_id, first, last)
    ]


async def read_period(
    days: StreamDays, feed: Feed, organisation_id: UUID, first: date, last: date
) -> AsyncIterator[Sequence[FeedRow]]:
    """Yield the rows of a period in order, some at a time, without a connection between two reads.

    What the period holds is decided when it begins: an export of today has an end. Raises PeriodTooOld where some of it
    is no longer kept, at once or, should a purge overtake it, on the way: what ends well is whole.
    """
    found = await days.between(organisation_id, first, last)
    if not found:
        return
    if not found[0].kept:
        raise _too_old(found, last)
    after, end = found[0].first_position - 1, found[-1].last_position
    while after < end:
        window = await feed.read(organisation_id, after, min(PAGE_ROWS, end - after))
        if after < window.purged:
            raise _too_old([replace(day, kept=day.first_position > window.purged) for day in found], last)
        yield window.rows
        after = window.reached


def _too_old(found: Sequence[StreamDay], last: date) -> PeriodTooOld:
    return PeriodTooOld(next((day.day for day in found if day.kept), last + timedelta(days=1)))
