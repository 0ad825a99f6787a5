"""Read an organisation's stream from a cursor, waiting for the next event where there is none yet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from partners.app.ports import Feed, FeedRow
from partners.domain.cursor import read_cursor, write_cursor
from partners.domain.errors import BadCursor, CursorTooOld

LIMIT_MAX = 500
WAIT_SECONDS_MAX = 25
"""Below the 30 s after which many proxies give up."""
LOOKS_MAX = 20
"""Reads of one request that may find nothing of its types: a tenth of a second each at most."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """The events after a cursor, and the cursor after them."""

    rows: Sequence[FeedRow]
    cursor: str
    more: bool


async def read_feed(
    feed: Feed,
    organisation_id: UUID,
    cursor: str | None,
    limit: int,
    wait_seconds: float,
    types: Sequence[str] | None = None,
) -> FeedPage:
    """Return at once when there are events, of these types or of all, else when one arrives or the time is over.

    A page may be empty with more to come: where few events are of the types, the cursor has moved past the others.

    Positions are gapless and visible in their order, so "after the last one read" never skips an event. Raises
    BadCursor, also for a position that this stream has not reached: waiting there would be silence for ever. Raises
    CursorTooOld where events after the cursor are no longer kept; without a cursor it begins with the oldest kept.
    """
    after = 0 if cursor is None else read_cursor(cursor, organisation_id)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    looks = 0
    while True:
        window = await feed.read(organisation_id, after, limit, types)
        if after > window.last:
            raise BadCursor
        if after < window.purged:
            if cursor is not None:
                raise CursorTooOld(write_cursor(organisation_id, window.purged))
            after = window.purged
            continue
        after, looks = window.reached, looks + 1
        left = deadline - loop.time()
        behind = after < window.last
        if window.rows or (looks >= LOOKS_MAX if behind else left <= 0):
            return FeedPage(window.rows, write_cursor(organisation_id, after), more=behind)
        if not behind:
            looks = 0
            await feed.arrival(organisation_id, after, left)
