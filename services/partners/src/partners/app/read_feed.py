"""Read an organisation's stream from a cursor, waiting for the next event where there is none yet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from partners.app.ports import Feed, FeedRow
from partners.domain.cursor import read_cursor, write_cursor
from partners.domain.errors import BadCursor

LIMIT_MAX = 500
WAIT_SECONDS_MAX = 25
"""Below the 30 s after which many proxies give up."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """The events after a cursor, and the cursor after them."""

    rows: Sequence[FeedRow]
    cursor: str
    more: bool


async def read_feed(feed: Feed, organisation_id: UUID, cursor: str | None, limit: int, wait_seconds: float) -> FeedPage:
    """Return at once when there are events, else when one arrives or the time is over.

    Positions are gapless and visible in their order, so "after the last one read" never skips an event. Raises
    BadCursor, also for a position that this stream has not reached: waiting there would be silence for ever.
    """
    after = 0 if cursor is None else read_cursor(cursor, organisation_id)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    while True:
        last, rows = await feed.read(organisation_id, after, limit)
        if after > last:
            raise BadCursor
        left = deadline - loop.time()
        if rows or left <= 0:
            reached = rows[-1].position if rows else after
            return FeedPage(rows, write_cursor(organisation_id, reached), more=reached < last)
        await feed.arrival(organisation_id, after, left)
