"""An organisation's joint accompaniments: the list, one of them, the acts on it, and the private note of its side."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import new_id
from portal.adapters.http.browser import Form, posted, shell_of, signed_in
from portal.adapters.http.pages import go, page
from portal.app.list_accompaniments import list_accompaniments
from portal.app.listing import ListAsked
from portal.domain.accompaniment import (
    ACTS,
    END_REASONS,
    SORTS,
    STATUSES,
    Accompaniment,
    first_step,
)
from portal.domain.draft import Fault, clean
from portal.domain.errors import Conflict, KeyReused, NotFound, Refused, SendingInProgress
from portal.domain.member import Section, Session

router = APIRouter(prefix="/accompagnements")

ANSWER_DAYS = 42
"""Six weeks to answer a proposal, as the referrals service counts them; said on the page with the date."""

NOTE_CHARS_MAX = 4000
"""What one side may note for itself: two pages, well below what the referrals service takes."""

COMMAND_OF = {"acceptation": "acceptance", "refus": "refusal", "point": "review", "fin": "end"}
SLUG_OF = {command: slug for slug, command in COMMAND_OF.items()}
SORT_OF = {"date": "date", "commune": "commune", "etat": "status", "personne": "person"}
SORT_SLUGS = {sort: slug for slug, sort in SORT_OF.items()}
DONE = ("propose", "plan", "note", "rendez-vous")
"""What a redirect may say was just done; the page has a sentence for each."""


@router.get("")
async def listed(request: Request, etat: str = "", tri: str = "date", ordre: str = "") -> Response:
    session = await signed_in(request, Section.ACCOMPANIMENTS)
    number = request.query_params.get("page", "1")
    asked = ListAsked.read(etat, SORT_OF.get(tri, "date"), ordre, number, statuses=STATUSES, sorts=SORTS)
    shown = await list_accompaniments(shell_of(request).accompaniments, session.member, asked)
    return page(
        request,
        "accompaniments.html",
        session=session,
        asked=asked,
        shown=shown,
        statuses=[status for status in STATUSES if shown.counts.get(status) or asked.status == status],
        sort_slugs=SORT_SLUGS,
        side=session.member.kind.value,
    )


@router.get("/{accompaniment_id}")
async def one(request: Request, accompaniment_id: UUID, fait: str = "", change: str = "") -> Response:
    session = await signed_in(request, Section.ACCOMPANIMENTS)
    shell, member = shell_of(request), session.member
    # Taken before the read: a change in between is then announced, never missed.
    position = shell.hub.position(member.organisation_code)
    found = await shell.accompaniments.read(member, accompaniment_id)
    now = shell.clock.now()
    begun = await shell.plan_drafts.read(accompaniment_id, member.member_id, now=now)
    return page(
        request,
        "accompaniment.html",
        session=session,
        position=position,
        done=fait if fait in DONE else "",
        just_changed=change == "oui",
        plan_begun=begun[1] if begun is not None and "plan" in found.allowed else None,
        **accompaniment_values(session, found, now),
    )


def accompaniment_values(session: Session, found: Accompaniment, now: datetime) -> dict[str, Any]:
    """Return what the page and its live parts show of an accompaniment."""
    line = found.line
    return {
        "found": found,
        "line": line,
        "commands": tuple(command for command in ACTS if command in found.allowed),
        "first": first_step(found),
        "mine": session.member.organisation_name,
        "other": found.other,
        "answer_by": line.proposed_at + timedelta(days=ANSWER_DAYS),
        "next_meeting": next_meeting(found, now),
        "act_key": str(new_id()),
        "seen": seen_of(found),
    }


def next_meeting(found: Accompaniment, now: datetime) -> datetime | None:
    """Return when they meet next, where a date is agreed."""
    agreed = (one.starts_at for one in found.meetings if one.status == "booked")
    return min((at for at in agreed if at is not None and at > now), default=None)


def seen_of(found: Accompaniment) -> str:
    """Return a digest of what the live parts show; the private note and the person are not among them."""
    shown = (found.line.status, found.allowed, found.accepted_by, found.plan, found.meetings, found.history)
    return sha256(repr(shown).encode()).hexdigest()[:16]


@router.get("/{accompaniment_id}/note")
async def note_page(request: Request, accompaniment_id: UUID) -> Response:
    session = await signed_in(request, Section.ACCOMPANIMENTS)
    found = await shell_of(request).accompaniments.read(session.member, accompaniment_id)
    if "note" not in found.allowed:
        return go(f"/accompagnements/{accompaniment_id}?change=oui")
    return _draw_note(request, session, found, found.note.text if found.note else "")


def _draw_note(
    request: Request, session: Session, found: Accompaniment, text: str, *, faults: tuple[Fault, ...] = (),
    newer: bool = False,
) -> Response:  # fmt: skip
    return page(
        request,
        "note.html",
        session=session,
        status=422 if faults else 409 if newer else 200,
        line=found.line,
        text=text,
        note_max=NOTE_CHARS_MAX,
        faults=faults,
        newer=found.note if newer else None,
        based_on=note_version(found),
        other=found.other,
        here=f"/accompagnements/{found.line.accompaniment_id}/note",
    )


def note_version(found: Accompaniment) -> str:
    """Return what tells one text of the note from another, so that two colleagues overwrite nothing unread."""
    return sha256(found.note.text.encode()).hexdigest()[:16] if found.note else ""


@router.post("/{accompaniment_id}/note")
async def noted(request: Request, accompaniment_id: UUID) -> Response:
    session, form = await posted(request, Section.ACCOMPANIMENTS)
    shell, text = shell_of(request), form.get("note").replace("\r\n", "\n")
    found = await shell.accompaniments.read(session.member, accompaniment_id)
    if len(clean(text)) > NOTE_CHARS_MAX:
        return _draw_note(request, session, found, text, faults=(Fault("note", "fault.private_note.long"),))
    saved = found.note.text if found.note else ""
    if note_version(found) != form.get("fondee_sur") and saved != clean(text):
        return _draw_note(request, session, found, text, newer=True)
    try:
        await shell.accompaniments.save_note(session.member, accompaniment_id, clean(text))
    except (Conflict, Refused):
        return go(f"/accompagnements/{accompaniment_id}?change=oui")
    return go(f"/accompagnements/{accompaniment_id}?fait=note#note-privee")


@router.get("/{accompaniment_id}/{slug}")
async def act_page(request: Request, accompaniment_id: UUID, slug: str) -> Response:
    session = await signed_in(request, Section.ACCOMPANIMENTS)
    if COMMAND_OF.get(slug) not in ("acceptance", "refusal", "end"):
        raise NotFound
    found = await shell_of(request).accompaniments.read(session.member, accompaniment_id)
    if COMMAND_OF[slug] not in found.allowed:
        return go(f"/accompagnements/{accompaniment_id}?change=oui")
    return _draw_act(request, session, found, COMMAND_OF[slug], Form({}), ())


def _draw_act(
    request: Request, session: Session, found: Accompaniment, command: str, form: Form, faults: tuple[Fault, ...]
) -> Response:
    return page(
        request,
        "accompaniment_act.html",
        session=session,
        status=422 if faults else 200,
        line=found.line,
        other=found.other,
        command=command,
        slug=SLUG_OF[command],
        reasons=END_REASONS,
        form=form,
        faults=faults,
        act_key=form.get("cle") or str(new_id()),
        here=f"/accompagnements/{found.line.accompaniment_id}/{SLUG_OF[command]}",
    )


@router.post("/{accompaniment_id}/{slug}")
async def acted(request: Request, accompaniment_id: UUID, slug: str) -> Response:
    session, form = await posted(request, Section.ACCOMPANIMENTS)
    desk, command = shell_of(request).accompaniments, COMMAND_OF.get(slug)
    if command is None:
        raise NotFound
    body: dict[str, object] = {}
    if command == "end":
        body["reason"] = form.get("reason")
        if body["reason"] not in END_REASONS:
            found = await desk.read(session.member, accompaniment_id)
            return _draw_act(request, session, found, command, form, (Fault("reason", "fault.end_reason"),))
    try:
        await desk.command(session.member, accompaniment_id, command, body, key=key_of(form))
    except (Conflict, SendingInProgress, KeyReused, Refused):
        return go(f"/accompagnements/{accompaniment_id}?change=oui")
    return go(f"/accompagnements/{accompaniment_id}")


def key_of(form: Form) -> str:
    """Return the key that makes a double click one act; raises NotFound when a form does not carry one of ours."""
    try:
        return str(UUID(form.get("cle")))
    except ValueError:
        raise NotFound from None
