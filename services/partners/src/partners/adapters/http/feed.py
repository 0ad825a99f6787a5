"""`GET /feed`: an organisation's own stream as structured CloudEvents, with the ids and bytes of its topic."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from chassis.admission import step_aside
from chassis.auth import Caller, require
from maillage_contracts.envelope import CONTENT_TYPE_BINARY
from partners.adapters.http.refusals import refusals
from partners.app.ports import Feed, FeedRow
from partners.app.read_feed import LIMIT_MAX, WAIT_SECONDS_MAX, FeedPage, read_feed

_PREFIX = "ce_"

Reader = Annotated[Caller, require("feed:read")]
Cursor = Annotated[str | None, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Wait = Annotated[int, Query(ge=0, le=WAIT_SECONDS_MAX)]


def feed_routes(feed: Feed) -> APIRouter:
    """Return the route that reads the caller's own stream."""
    router = APIRouter()

    @router.get("/feed")
    async def get_feed(
        request: Request, caller: Reader, after: Cursor = None, limit: Limit = 100, wait: Wait = 0
    ) -> Response:
        """Return the events after a cursor, waiting up to `wait` seconds for the first one."""
        if wait:
            step_aside(request)
        async with refusals():
            page = await read_feed(feed, caller.organisation_id, after or None, limit, wait)
        return Response(page_document(page), media_type="application/json", headers={"cache-control": "no-store"})

    return router


def page_document(page: FeedPage) -> bytes:
    """Return the JSON of a page; each event's data is its stored bytes, never decoded here."""
    events = b",".join(structured(row) for row in page.rows)
    end = json.dumps({"cursor": page.cursor, "more": page.more}, separators=(",", ":")).encode()
    return b'{"events":[' + events + b"]," + end[1:]


def structured(row: FeedRow) -> bytes:
    """Return one stored event as a CloudEvents JSON object with its position as extension `sequence`."""
    attributes = {
        name.removeprefix(_PREFIX): text for name, text in json.loads(row.headers).items() if name.startswith(_PREFIX)
    }
    attributes |= {"datacontenttype": CONTENT_TYPE_BINARY, "sequence": str(row.position)}
    return json.dumps(attributes, separators=(",", ":")).encode()[:-1] + b',"data":' + row.payload + b"}"
