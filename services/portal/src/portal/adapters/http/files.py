"""`/fichiers`: the organisation's events of a period as a file, for those who have a spreadsheet and no program."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from chassis.admission import step_aside
from portal.adapters.http.browser import shell_of, signed_in
from portal.adapters.http.pages import go, page
from portal.adapters.http.shell import PAGE_HEADERS
from portal.domain.draft import Fault
from portal.domain.errors import Gone, Refused
from portal.domain.member import Section, Session
from portal.domain.period import FORMATS, Period, last_days, period_of

router = APIRouter()

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
TYPED_CHARS_MAX = 40
PERIOD_FAULT = (Fault("du", "fault.files.long"),)
OLD_FAULT = (Fault("du", "fault.files.old"),)


@router.get("/fichiers")
async def choose(request: Request) -> Response:
    session = await signed_in(request, Section.FILES)
    offered = last_days(shell_of(request).clock.now().date())
    return _page(request, session, offered.first.isoformat(), offered.last.isoformat(), FORMATS[0])


@router.get("/fichiers/telechargement")
async def download(request: Request, du: str = "", au: str = "", format: str = "") -> Response:
    """Give the file, or the form again with what is wrong. The bearer token stays between the services."""
    session = await signed_in(request, Section.FILES)
    if not request.query_params:
        # Come back from the page that says that the service is silent.
        return go("/fichiers")
    first, last = du[:TYPED_CHARS_MAX], au[:TYPED_CHARS_MAX]
    period = period_of(first, last)
    wrong = () if isinstance(period, Period) else period
    if format not in FORMATS:
        wrong = (*wrong, Fault("format", "fault.files.format"))
    if wrong or not isinstance(period, Period):
        return _page(request, session, first, last, format, wrong)
    try:
        parts = await shell_of(request).partners.files.open(session.member, period, format)
    except Refused:
        return _page(request, session, first, last, format, PERIOD_FAULT)
    except Gone:
        return _page(request, session, first, last, format, OLD_FAULT)
    # A long file is no page that somebody waits for: it takes no other page's place.
    step_aside(request)
    name = f"maillage-{session.member.organisation_code}-{period.first}-{period.last}.{format}"
    headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="{name}"', "X-Accel-Buffering": "no"}
    return StreamingResponse(_closed_at_the_end(parts), media_type=MEDIA_TYPES[format], headers=headers)


async def _closed_at_the_end(parts: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """A browser that leaves ends the reading of the service too."""
    async with aclosing(parts):
        async for part in parts:
            yield part


def _page(
    request: Request, session: Session, first: str, last: str, chosen: str, faults: tuple[Fault, ...] = ()
) -> Response:
    return page(
        request, "files.html", session=session, status=422 if faults else 200, first=first, last=last, chosen=chosen,
        formats=FORMATS, faults=faults, here="/fichiers",
    )  # fmt: skip
