"""`GET /feed`: an organisation's own stream as structured CloudEvents, with the ids and bytes of its topic.

A page of JSON, or an endless stream of server-sent events for whoever accepts `text/event-stream`.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from chassis.admission import step_aside
from chassis.auth import Caller, require
from partners.adapters.http.feed_events import EventStream, event_stream, wants_events
from partners.adapters.http.feed_row import structured
from partners.adapters.http.feed_types import chosen_types, deprecation_headers
from partners.adapters.http.refusals import refusals
from partners.adapters.http.still_allowed import refuse_ended
from partners.app.ports import Feed
from partners.app.read_days import StreamDays
from partners.app.read_feed import LIMIT_MAX, WAIT_SECONDS_MAX, FeedPage, read_feed
from partners.domain.cursor import write_cursor

__all__ = ["feed_routes", "page_document", "structured"]

Reader = Annotated[Caller, require("feed:read")]
Cursor = Annotated[str | None, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Types = Annotated[str | None, Query(max_length=4_000)]
LastEventId = Annotated[str | None, Header(max_length=64)]
From = Annotated[date | None, Query(alias="from", description="First day (UTC), instead of a cursor.")]
Wait = Annotated[int, Query(ge=0, le=WAIT_SECONDS_MAX)]


def feed_routes(feed: Feed, days: StreamDays) -> APIRouter:
    """Return the routes that read the caller's own stream."""
    router = APIRouter()

    async def cursor_of(caller: Caller, first_day: date) -> str:
        position = await days.start_of(caller.organisation_id, first_day)
        return write_cursor(caller.organisation_id, position)

    @router.get("/feed/cursor")
    async def get_cursor(
        caller: Reader, response: Response, first_day: Annotated[date, Query(alias="from")]
    ) -> dict[str, str]:
        """Return the cursor before the first event of a day: to read again from there, or to send a webhook's again."""
        response.headers["cache-control"] = "no-store"
        return {"from": first_day.isoformat(), "cursor": await cursor_of(caller, first_day)}

    @router.get("/feed")
    async def get_feed(
        request: Request,
        caller: Reader,
        after: Cursor = None,
        first_day: From = None,
        limit: Limit = 100,
        wait: Wait = 0,
        types: Types = None,
        last_event_id: LastEventId = None,
    ) -> Response:
        """Return the events after a cursor, or from a day on, waiting up to `wait` seconds for the first one."""
        chosen = chosen_types(types)
        endless = wants_events(request)
        if wait or endless:
            step_aside(request)
        start = (last_event_id if endless else None) or after or None
        if start is None and first_day is not None:
            start = await cursor_of(caller, first_day)
        async with refusals():
            page = await read_feed(feed, caller.organisation_id, start, limit, 0 if endless else wait, chosen)
        if wait and not endless:
            # It may have waited for longer than a revocation takes.
            await refuse_ended(request)
        types_read = chosen or (json.loads(row.headers)["ce_type"] for row in page.rows)
        headers = {"cache-control": "no-store", **deprecation_headers(types_read)}
        if endless:
            return event_stream(EventStream(request, feed, caller.organisation_id, chosen), page, headers)
        return Response(page_document(page), media_type="application/json", headers=headers)

    return router


def page_document(page: FeedPage) -> bytes:
    """Return the JSON of a page; each event's data is its stored bytes, never decoded here."""
    events = b",".join(structured(row) for row in page.rows)
    end = json.dumps({"cursor": page.cursor, "more": page.more}, separators=(",", ":")).encode()
    return b'{"events":[' + events + b"]," + end[1:]
