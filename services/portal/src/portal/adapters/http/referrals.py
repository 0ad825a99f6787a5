"""An organisation's list, one referral, and the acts on it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import new_id
from portal.adapters.http.browser import Form, posted, shell_of, signed_in
from portal.adapters.http.pages import go, page
from portal.app.answer_referral import Answer, answer_referral
from portal.app.list_referrals import list_referrals
from portal.app.listing import ListAsked
from portal.domain.draft import Fault
from portal.domain.errors import Conflict, KeyReused, NotFound, Refused, SendingInProgress
from portal.domain.member import Kind, Section, Session
from portal.domain.referral import (
    DECLINE_REASONS,
    OPEN_STATUSES,
    SORTS,
    STATUSES,
    Referral,
    can_move,
    can_propose,
    offered,
)

router = APIRouter(prefix="/orientations")

OVERDUE_DAYS = 10
EXPIRY_DAYS = 30
"""The delays the referrals service keeps; said in full on the page, with the date."""

COMMAND_OF = {"reception": "receipt", "examen": "review", "acceptation": "acceptance", "retrait": "withdrawal"}
SLUG_OF = {command: slug for slug, command in COMMAND_OF.items()} | {"decline": "refus"}
CONFIRMED = ("acceptance", "decline")
"""Acts behind a link to their own page: a second click meant for the act before cannot carry them out."""

SORT_OF = {"date": "date", "commune": "commune", "etat": "status", "personne": "person"}
SORT_SLUGS = {sort: slug for slug, sort in SORT_OF.items()}


@router.get("")
async def listed(request: Request, etat: str = "", tri: str = "date", ordre: str = "") -> Response:
    session = await signed_in(request, Section.REFERRALS)
    shell, member = shell_of(request), session.member
    number = request.query_params.get("page", "1")
    asked = ListAsked.read(etat, SORT_OF.get(tri, "date"), ordre, number, statuses=STATUSES, sorts=SORTS)
    shown = await list_referrals(shell.desk, member, asked)
    unsent = (
        await shell.drafts.unsent(member.member_id, now=shell.clock.now()) if member.kind is Kind.ASSOCIATION else ()
    )
    return page(
        request,
        "list.html",
        session=session,
        asked=asked,
        shown=shown,
        unsent=unsent,
        statuses=[status for status in STATUSES if shown.counts.get(status) or asked.status == status],
        sorts=SORTS,
        sort_slugs=SORT_SLUGS,
    )


@router.get("/{referral_id}")
async def one(
    request: Request, referral_id: UUID, envoyee: str = "", change: str = "", demenagement: str = ""
) -> Response:
    session = await signed_in(request, Section.REFERRALS)
    shell = shell_of(request)
    # Taken before the read: a change in between is then announced, never missed.
    position = shell.hub.position(session.member.organisation_code)
    referral = await shell.desk.read(session.member, referral_id)
    return page(
        request,
        "referral.html",
        session=session,
        position=position,
        just_sent=envoyee == "oui",
        just_changed=change == "oui",
        just_moved=demenagement == "oui",
        **referral_values(session, referral),
    )


def referral_values(session: Session, referral: Referral) -> dict[str, Any]:
    """Return what the page and its live parts show of a referral."""
    submitted = referral.line.submitted_at
    commands = offered(referral, session.member.kind)
    return {
        "referral": referral,
        "line": referral.line,
        "kind": session.member.kind.value,
        "commands": commands,
        "slug_of": SLUG_OF,
        "confirmed": CONFIRMED,
        "seen": seen_of(referral, commands),
        "act_key": str(new_id()),
        "open": referral.line.status in OPEN_STATUSES,
        "together": referral.together,
        "can_move": can_move(referral, session.member.kind),
        "can_propose": can_propose(referral, session.member.kind),
        "overdue_on": submitted + timedelta(days=OVERDUE_DAYS),
        "expires_on": submitted + timedelta(days=EXPIRY_DAYS),
    }


def seen_of(referral: Referral, commands: tuple[str, ...]) -> str:
    """Return a digest of what the live parts show.

    Not the version: a step of another service, such as "identified", joins the history without moving it.
    """
    line = referral.line
    parties = (line.council.name, line.referrer.name)
    shown = (line.status, referral.history, commands, line.submitted_at, parties, referral.together)
    return sha256(repr(shown).encode()).hexdigest()[:16]


@router.get("/{referral_id}/acceptation")
async def accept_page(request: Request, referral_id: UUID) -> Response:
    session = await signed_in(request, Section.REFERRALS)
    referral = await shell_of(request).desk.read(session.member, referral_id)
    if "acceptance" not in offered(referral, session.member.kind):
        return go(f"/orientations/{referral_id}?change=oui")
    return page(request, "accept.html", session=session, line=referral.line, act_key=str(new_id()))


@router.get("/{referral_id}/refus")
async def decline_page(request: Request, referral_id: UUID) -> Response:
    session = await signed_in(request, Section.REFERRALS)
    referral = await shell_of(request).desk.read(session.member, referral_id)
    if "decline" not in offered(referral, session.member.kind):
        return go(f"/orientations/{referral_id}?change=oui")
    return _draw_decline(request, session, referral, Form({}), ())


def _draw_decline(
    request: Request, session: Session, referral: Referral, form: Form, found: tuple[Fault, ...]
) -> Response:
    return page(
        request,
        "decline.html",
        session=session,
        status=422 if found else 200,
        line=referral.line,
        reasons=DECLINE_REASONS,
        form=form,
        faults=found,
        act_key=form.get("cle") or str(new_id()),
        here=f"/orientations/{referral.line.referral_id}/refus",
    )


@router.post("/{referral_id}/refus")
async def declined(request: Request, referral_id: UUID) -> Response:
    session, form = await posted(request, Section.REFERRALS)
    found = decline_faults(form)
    if found:
        referral = await shell_of(request).desk.read(session.member, referral_id)
        return _draw_decline(request, session, referral, form, found)
    body: dict[str, object] = {
        "reasons": [code for code in DECLINE_REASONS if code in form.fields["reasons"]],
        "declined_by": form.get("declined_by"),
        "shareable_with_person": form.get("shareable") == "yes",
    }
    return await _act(request, session, referral_id, Answer("decline", body, form.get("cle")))


def decline_faults(form: Form) -> tuple[Fault, ...]:
    """Return what is missing before an organisation may decline."""
    found = []
    if not set(form.fields.get("reasons", ())) & set(DECLINE_REASONS):
        found.append(Fault("reasons", "fault.reasons"))
    if form.get("declined_by") not in ("provider", "person"):
        found.append(Fault("declined_by", "fault.declined_by"))
    if form.get("shareable") not in ("yes", "no"):
        found.append(Fault("shareable", "fault.shareable"))
    return tuple(found)


@router.post("/{referral_id}/{slug}")
async def acted(request: Request, referral_id: UUID, slug: str) -> Response:
    session, form = await posted(request, Section.REFERRALS)
    if slug not in COMMAND_OF:
        raise NotFound
    return await _act(request, session, referral_id, Answer(COMMAND_OF[slug], {}, form.get("cle")))


async def _act(request: Request, session: Session, referral_id: UUID, answer: Answer) -> Response:
    """Carry out an act; one that no longer applies shows the referral as it now is, and says so."""
    try:
        await answer_referral(shell_of(request).desk, session.member, referral_id, answer)
    except (Conflict, SendingInProgress, KeyReused, Refused):
        return go(f"/orientations/{referral_id}?change=oui")
    return go(f"/orientations/{referral_id}")
