"""The feed as server-sent events: each has its cursor as id, so a browser or a client resumes with `Last-Event-ID`.

The stream ends when its token does, or is revoked, and when the database does not answer: whoever reads it comes back
from the last id with a fresh token, and misses nothing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

from fastapi import Request
from starlette.responses import StreamingResponse

from chassis.errors import DependencyDown
from partners.adapters.http.feed_row import structured
from partners.adapters.http.still_allowed import LOOK_SECONDS, still_allowed
from partners.app.ports import Feed, FeedRow
from partners.app.read_feed import FeedPage, read_feed
from partners.domain.cursor import write_cursor
from partners.domain.errors import CursorTooOld

MEDIA_TYPE = "text/event-stream"
PAGE_ROWS = 100
RETRY_MILLISECONDS = 2_000


def wants_events(request: Request) -> bool:
    """Say whether the caller accepts server-sent events."""
    return MEDIA_TYPE in request.headers.get("accept", "").lower()


class EventStream:
    """One open stream."""

    def __init__(self, request: Request, feed: Feed, organisation_id: UUID, types: Sequence[str] | None) -> None:
        self._request = request
        self._feed = feed
        self._organisation_id = organisation_id
        self._types = types

    async def events(self, page: FeedPage) -> AsyncIterator[bytes]:
        """Yield the events of a first page, then those that follow, until the reader leaves or may no longer read."""
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        while True:
            for row in page.rows:
                yield self._event(row)
            if not page.rows:
                # Without data a client fires nothing and keeps the id, which may have moved past other types.
                yield f"id: {page.cursor}\n:\n\n".encode()
            if not await still_allowed(self._request):
                return
            try:
                page = await read_feed(
                    self._feed, self._organisation_id, page.cursor, PAGE_ROWS, LOOK_SECONDS, self._types
                )
            except (DependencyDown, CursorTooOld):
                # Too old only here: it comes back with its last id and is told what to do.
                return

    def _event(self, row: FeedRow) -> bytes:
        cursor = write_cursor(self._organisation_id, row.position)
        kind = json.loads(row.headers)["ce_type"]
        # A line feed can only be between two JSON tokens, where a reader that joins the lines ignores it.
        data = structured(row).replace(b"\r", b"").replace(b"\n", b"\ndata: ")
        return f"id: {cursor}\nevent: {kind}\ndata: ".encode() + data + b"\n\n"


def event_stream(stream: EventStream, first: FeedPage, headers: Mapping[str, str]) -> StreamingResponse:
    """Return the endless answer; proxies are asked not to hold it back."""
    return StreamingResponse(
        stream.events(first), media_type=MEDIA_TYPE, headers={**headers, "x-accel-buffering": "no"}
    )
