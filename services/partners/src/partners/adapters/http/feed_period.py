"""`GET /feed/digest` and `GET /feed/export`: proof of completeness, and a period as a file for a spreadsheet."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from chassis.admission import step_aside
from chassis.auth import Caller, require
from chassis.clock import Clock
from chassis.problems import Problem
from chassis.sentences import Said
from partners.adapters.export_files import FORMATS
from partners.adapters.http.refusals import refusals
from partners.adapters.http.still_allowed import LOOK_SECONDS, refuse_ended
from partners.app.ports import Feed
from partners.app.read_days import DIGEST_DAYS_MAX, StreamDays, read_digests, read_period
from partners.domain.retention import STREAM_DAYS

DEFAULT_DAYS = 7
Reader = Annotated[Caller, require("feed:read")]
From = Annotated[date | None, Query(alias="from", description="First day (UTC).")]
To = Annotated[date | None, Query(description="Last day (UTC), included.")]


def period_routes(feed: Feed, days: StreamDays, clock: Clock) -> APIRouter:
    """Return the routes that read the caller's own stream by days."""
    router = APIRouter()

    @router.get("/feed/digest")
    async def get_digest(caller: Reader, first: From = None, to: To = None) -> dict[str, Any]:
        """Return, for each day with events, the SHA-256 of their ids in order: what a complete reader computes too.

        Of a day whose events are no longer kept it is the same as ever.
        """
        start, end = _period(clock, first, to, DIGEST_DAYS_MAX)
        found = await read_digests(days, caller.organisation_id, start, end)
        return {
            "days": [
                {
                    "day": day.day.isoformat(),
                    "first_sequence": day.first_position,
                    "last_sequence": day.last_position,
                    "count": day.last_position - day.first_position + 1,
                    "sha256": digest.hex(),
                    "complete": day.complete,
                    "kept": day.kept,
                }
                for day, digest in found
            ]
        }

    @router.get("/feed/export")
    async def export(
        request: Request,
        caller: Reader,
        format_: Annotated[Literal["csv", "jsonl"], Query(alias="format")] = "csv",
        first: From = None,
        to: To = None,
    ) -> StreamingResponse:
        """Return the events of a period as CSV (RFC 4180) or JSON Lines, in the feed's order, with the same ids."""
        start, end = _period(clock, first, to, STREAM_DAYS)
        step_aside(request)
        written = FORMATS[format_]
        name = f"maillage-{caller.organisation_code}-{start}-{end}.{format_}"

        pages = read_period(days, feed, caller.organisation_id, start, end)
        async with refusals():
            first_rows = await anext(pages, None)

        async def body() -> AsyncIterator[bytes]:
            yield written.head
            # A database lost on the way, or an access that ends, breaks the answer off: a file that ends well is whole.
            look_at = time.monotonic() + LOOK_SECONDS
            rows = first_rows
            while rows is not None:
                if time.monotonic() > look_at:
                    await refuse_ended(request)
                    look_at = time.monotonic() + LOOK_SECONDS
                yield b"".join(map(written.line, rows))
                rows = await anext(pages, None)

        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(body(), media_type=written.media_type, headers=headers)

    return router


def _period(clock: Clock, first: date | None, last: date | None, days_max: int) -> tuple[date, date]:
    end = last or clock.now().date()
    start = first or end - timedelta(days=DEFAULT_DAYS - 1)
    if not start <= end < start + timedelta(days=days_max):
        raise Problem(
            422,
            "bad_period",
            Said(
                f"Cette période ne convient pas : du premier au dernier jour, {days_max} jours au plus.",
                f"This period will not do: from the first to the last day, at most {days_max} days.",
            ),
        )
    return start, end
