"""Offering dates, and one appointment with the acts on it, each on a page of its own that asks before it acts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import new_id
from portal.adapters.http.accompaniments import key_of
from portal.adapters.http.browser import Form, posted, shell_of, signed_in
from portal.adapters.http.pages import go, page
from portal.adapters.http.words import LOCAL_TIME
from portal.app.move_appointment import book_agreed, move_appointment
from portal.domain import dates
from portal.domain.accompaniment import Accompaniment
from portal.domain.appointment import CLOSING, MODALITIES, Appointment, pages_of, unread
from portal.domain.dates import DATES_MAX, DURATION_MINUTES, PLACE_CHARS_MAX, Offer
from portal.domain.draft import Fault, clean
from portal.domain.errors import Conflict, KeyReused, NotFound, Refused, SendingInProgress
from portal.domain.member import Kind, Section, Session

router = APIRouter()

PAGE_OF = {"suite": "outcome", "date": "booking", "report": "move", "dates": "dates", "annulation": "cancellation"}
SLUG_OF = {name: slug for slug, name in PAGE_OF.items()}
NONE, OTHER = "none", "other"
"""Choices beside the offered dates: no date yet, and another one agreed by word of mouth."""

CHANGED = (Conflict, SendingInProgress, KeyReused, Refused)
"""The appointment is no longer as the page showed it: it is shown as it now is."""


@router.get("/accompagnements/{accompaniment_id}/rendez-vous")
async def offer_page(request: Request, accompaniment_id: UUID) -> Response:
    session = await signed_in(request, Section.ACCOMPANIMENTS)
    found = await shell_of(request).accompaniments.read(session.member, accompaniment_id)
    empty = ("",) * DATES_MAX
    offer = Offer(empty, empty, "in_person", str(DURATION_MINUTES), office_of(found))
    return _draw_offer(request, session, found, offer, Form({}), ())


def office_of(found: Accompaniment) -> str:
    """Return the reader's own address in one line, where a person who comes is received."""
    own = found.line.council if found.side == "council" else found.line.employment_service
    return clean(own.postal_address).replace("\n", ", ")[:PLACE_CHARS_MAX]


def _draw_offer(
    request: Request, session: Session, found: Accompaniment, offer: Offer, form: Form, faults: tuple[Fault, ...],
    *, not_yet: bool = False,
) -> Response:  # fmt: skip
    return page(
        request,
        "offer.html",
        session=session,
        status=422 if faults else 409 if not_yet else 200,
        not_yet=not_yet,
        line=found.line,
        offer=offer,
        modalities=MODALITIES,
        faults=faults,
        act_key=form.get("cle") or str(new_id()),
        here=f"/accompagnements/{found.line.accompaniment_id}/rendez-vous",
    )


@router.post("/accompagnements/{accompaniment_id}/rendez-vous")
async def offered(request: Request, accompaniment_id: UUID) -> Response:
    session, form = await posted(request, Section.ACCOMPANIMENTS)
    shell, offer = shell_of(request), Offer.of(form.fields)
    found = await shell.accompaniments.read(session.member, accompaniment_id)
    faults = (
        *dates.date_faults(offer, LOCAL_TIME, shell.clock.now()),
        *dates.meeting_faults(offer, office_of(found)),
    )
    if faults:
        return _draw_offer(request, session, found, offer, form, faults)
    body = {"accompaniment_id": str(accompaniment_id), **dates.body(offer, LOCAL_TIME)}
    key = key_of(form)
    try:
        appointment_id = await shell.appointments.offer(session.member, body, key=key)
    except NotFound:
        # The registration service hears of an agreement a moment after the referrals service tells it.
        return _draw_offer(request, session, found, offer, form, (), not_yet=True)
    except CHANGED:
        return go(f"/accompagnements/{accompaniment_id}?change=oui")
    return go(f"/agenda/{appointment_id}?fait=propose")


@router.get("/agenda/{appointment_id}")
async def appointment(request: Request, appointment_id: UUID, fait: str = "", change: str = "") -> Response:
    session = await signed_in(request, Section.AGENDA)
    found = await shell_of(request).appointments.read(session.member, appointment_id)
    now = shell_of(request).clock.now()
    return page(
        request,
        "appointment.html",
        session=session,
        one=found,
        open_dates=found.open_dates(now),
        acts=pages_of(found, now),
        slug_of=SLUG_OF,
        done=fait if fait in (*PAGE_OF, "propose") else "",
        just_changed=change == "oui",
    )


@router.get("/agenda/{appointment_id}/{slug}")
async def act_page(request: Request, appointment_id: UUID, slug: str, vu: str = "") -> Response:
    session = await signed_in(request, Section.AGENDA)
    return await _draw_act(request, session, appointment_id, slug, Form({"vu": (vu,)}), ())


async def _to_act_on(
    request: Request, session: Session, appointment_id: UUID, name: str, form: Form
) -> tuple[Appointment, bool]:
    """Return the appointment, and whether it was read.

    A council may close one that it may not read, outside its territory: then it has but the date that was seen.
    """
    try:
        return await shell_of(request).appointments.read(session.member, appointment_id), True
    except NotFound:
        if session.member.kind is not Kind.COUNCIL or name not in CLOSING:
            raise
        return unread(appointment_id, dates.seen_in(form.get("vu"))), False


async def _draw_act(
    request: Request, session: Session, appointment_id: UUID, slug: str, form: Form, faults: tuple[Fault, ...]
) -> Response:
    name, now = PAGE_OF.get(slug), shell_of(request).clock.now()
    if name is None:
        raise NotFound
    found, was_read = await _to_act_on(request, session, appointment_id, name, form)
    if name not in pages_of(found, now):
        return go(f"/agenda/{appointment_id}?change=oui")
    return page(
        request,
        f"appointment_{name}.html",
        session=session,
        status=422 if faults else 200,
        one=found,
        slug=slug,
        was_read=was_read,
        open_dates=found.open_dates(now),
        may_agree=may_agree(session, found, name),
        form=form,
        offer=Offer.of(form.fields),
        faults=faults,
        act_key=form.get("cle") or str(new_id()),
        seen=dates.seen(found.starts_at),
        here=f"/agenda/{appointment_id}/{slug}",
    )


def may_agree(session: Session, found: Appointment, name: str) -> bool:
    """Tell whether the reader may add a date that was not offered: only who receives the person offers dates."""
    organises = found.organiser.code == session.member.organisation_code
    return "options" in found.allowed or (name == "move" and organises)


@router.post("/agenda/{appointment_id}/{slug}")
async def acted(request: Request, appointment_id: UUID, slug: str) -> Response:
    session, form = await posted(request, Section.AGENDA)
    name = PAGE_OF.get(slug)
    if name is None:
        raise NotFound
    now = shell_of(request).clock.now()
    found, was_read = await _to_act_on(request, session, appointment_id, name, form)
    here = f"/agenda/{appointment_id}?" if was_read else "/agenda?"
    if name in ("move", "cancellation") and form.get("vu") != dates.seen(found.starts_at):
        return go(f"{here}change=oui")
    faults = _faults(name, form, found, now, other=may_agree(session, found, name))
    if faults:
        return await _draw_act(request, session, appointment_id, slug, form, faults)
    try:
        await _act(request, session, found, name, form)
    except CHANGED:
        return go(f"{here}change=oui")
    return go("/agenda?fait=suite" if name == "outcome" else f"{here}fait={slug}")


def _faults(name: str, form: Form, found: Appointment, now: datetime, *, other: bool) -> tuple[Fault, ...]:
    offer = Offer.of(form.fields)
    match name:
        case "outcome":
            return () if form.get("outcome") in ("holding", "absence") else (Fault("outcome", "fault.outcome"),)
        case "dates":
            return tuple(dates.date_faults(offer, LOCAL_TIME, now))
        case "booking" | "move":
            chosen = form.get("choice")
            if chosen == OTHER and other:
                return tuple(dates.date_faults(offer, LOCAL_TIME, now))
            known = {dates.instant(one) for one in found.open_dates(now)} | ({NONE} if name == "move" else set())
            return () if chosen in known else (Fault("choice", "fault.choice"),)
    return ()


async def _act(request: Request, session: Session, found: Appointment, name: str, form: Form) -> None:
    desk, member, key = shell_of(request).appointments, session.member, key_of(form)
    appointment_id, typed = found.appointment_id, dates.moments(Offer.of(form.fields), LOCAL_TIME)
    match name:
        case "outcome":
            await desk.command(member, appointment_id, form.get("outcome"), {}, key=key)
        case "cancellation":
            await desk.command(member, appointment_id, "cancellation", dates.instead_of(found.starts_at), key=key)
        case "dates":
            body = {"options": [dates.instant(one) for one in typed]}
            await desk.command(member, appointment_id, "options", body, key=key)
        case "booking" if form.get("choice") == OTHER:
            await book_agreed(desk, member, appointment_id, typed[0], key=key)
        case "booking":
            await desk.command(member, appointment_id, "booking", {"starts_at": form.get("choice")}, key=key)
        case "move":
            chosen = form.get("choice")
            agreed = None if chosen == NONE else typed[0] if chosen == OTHER else datetime.fromisoformat(chosen)
            await move_appointment(desk, member, found, agreed, key=key)
