"""The agenda of an organisation: what is past and unanswered, what has no date yet, and two weeks day by day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from portal.adapters.http.browser import shell_of, signed_in
from portal.adapters.http.pages import page
from portal.adapters.http.words import LOCAL_TIME
from portal.domain.appointment import arrange, days_of
from portal.domain.member import Kind, Section
from portal.domain.plan import day_of

router = APIRouter()

DAYS = 14
UNANSWERED_DAYS = 30
"""How far back an appointment is looked for that nobody has yet said took place."""

YEARS = range(2000, 2100)


@router.get("/agenda")
async def agenda(request: Request, du: str = "", fait: str = "", change: str = "") -> Response:
    session = await signed_in(request, Section.AGENDA)
    shell = shell_of(request)
    now = shell.clock.now()
    today = now.astimezone(LOCAL_TIME).date()
    asked = day_of(du) if du else None
    first, last = days_of(asked if asked is not None and asked.year in YEARS else today, DAYS)
    start = min(midnight(first), now - timedelta(days=UNANSWERED_DAYS))
    found = await shell.appointments.between(session.member, start, midnight(last + timedelta(days=1)))
    return page(
        request,
        "agenda.html",
        session=session,
        agenda=arrange(found, first=first, last=last, now=now, zone=LOCAL_TIME),
        today=today,
        first=first,
        last=last,
        before=first - timedelta(days=DAYS),
        after=first + timedelta(days=DAYS),
        council=session.member.kind is Kind.COUNCIL,
        unnamed=any(not one.person_name for one in found),
        done=fait if fait in ("suite", "annulation") else "",
        just_changed=change == "oui",
    )


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL_TIME)
