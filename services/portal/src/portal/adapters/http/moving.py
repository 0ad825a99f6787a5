"""`/orientations/…/demenagement`: an association says where the person lives now, and checks it before.

Nothing is stored in between: the check carries the commune and the key, which stays the same for one commune and one
version of the referral, so that back, reload, two tabs and a double click move nobody twice.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from portal.adapters.http.browser import Form, posted, shell_of, signed_in
from portal.adapters.http.drafts import place_choice
from portal.adapters.http.pages import go, page
from portal.app.answer_referral import Answer, answer_referral
from portal.app.write_draft import resolve_place
from portal.domain.draft import Draft, Fault, faults
from portal.domain.errors import Conflict, KeyReused, Refused, SendingInProgress, ServiceSilent
from portal.domain.member import Section, Session
from portal.domain.referral import MOVE, Referral, can_move

router = APIRouter(prefix="/orientations")

SEND, MEND = "envoyer", "corriger"
FIELDS = ("commune", "commune_code", "commune_asked")
TROUBLES = (
    "silent",
    "in_progress",
    "council_not_joined",
    "unknown_commune",
    "commune_merged",
    "person_erased",
    "refused",
)
SAME = Fault("commune", "fault.move.same")


def _path(referral_id: UUID, end: str = "") -> str:
    return f"/orientations/{referral_id}{end}"


@router.get("/{referral_id}/demenagement")
async def asked(request: Request, referral_id: UUID) -> Response:
    session = await signed_in(request, Section.REFERRALS)
    referral = await shell_of(request).desk.read(session.member, referral_id)
    if not can_move(referral, session.member.kind):
        return go(_path(referral_id, "?change=oui"))
    return _form(request, session, referral, _typed(session, referral_id, Form({})))


@router.post("/{referral_id}/demenagement")
async def answered(request: Request, referral_id: UUID) -> Response:
    """Show what the new commune changes; from there, say it to the referrals service or go back to the form."""
    session, form = await posted(request, Section.REFERRALS)
    if form.get("etape") == SEND:
        return await _send(request, session, referral_id, form)
    shell = shell_of(request)
    referral = await shell.desk.read(session.member, referral_id)
    if not can_move(referral, session.member.kind):
        return go(_path(referral_id, "?change=oui"))
    typed = _typed(session, referral_id, form)
    if form.get("etape") == MEND:
        return _form(request, session, referral, typed)
    typed = resolve_place(typed, shell.communes)
    found = tuple(fault for fault in faults(typed, "place", shell.clock.now().date()) if fault.field in FIELDS)
    if found:
        found, choice = place_choice(request, typed, found)
        return _form(request, session, referral, typed, found, choice=choice)
    if typed.value("commune_code") == referral.line.commune.code:
        return _form(request, session, referral, typed, (SAME,))
    return _check(request, session, referral, typed)


def _typed(session: Session, referral_id: UUID, form: Form) -> Draft:
    """Return the commune as typed, in the form's own shape of what was typed."""
    return Draft(referral_id, session.member.member_id).keep(
        "place", {name: form.fields.get(name, ()) for name in FIELDS}
    )


def _form(
    request: Request, session: Session, referral: Referral, typed: Draft, found: tuple[Fault, ...] = (), *,
    choice: tuple[object, ...] = (), status: int = 200, trouble: str = "", successor: str = "",
) -> Response:  # fmt: skip
    return _draw(
        request, session, referral, "move.html", draft=typed, faults=found, choice=choice,
        status=422 if found else status, trouble=trouble, successor=successor,
    )  # fmt: skip


def _check(request: Request, session: Session, referral: Referral, typed: Draft) -> Response:
    line, communes = referral.line, shell_of(request).communes
    code = typed.value("commune_code")
    now, before = communes.authority(code), communes.authority(line.commune.code)
    return _draw(
        request, session, referral, "move_check.html", draft=typed, authority=now.name if now else "",
        same=now == before, act_key=str(uuid5(line.referral_id, f"{MOVE} {line.version} {code}")),
    )  # fmt: skip


def _draw(request: Request, session: Session, referral: Referral, template: str, **values: Any) -> Response:
    here = _path(referral.line.referral_id, "/demenagement")
    return page(request, template, session=session, line=referral.line, here=here, **values)


async def _send(request: Request, session: Session, referral_id: UUID, form: Form) -> Response:
    shell, typed = shell_of(request), _typed(session, referral_id, form)
    answer = Answer(MOVE, {"commune": typed.value("commune_code")}, form.get("cle"))
    try:
        await answer_referral(shell.desk, session.member, referral_id, answer)
    except KeyReused:
        return go(_path(referral_id, "?change=oui"))
    except (ServiceSilent, SendingInProgress, Conflict, Refused) as error:
        return await _not_moved(request, session, referral_id, typed, error)
    return go(_path(referral_id, "?demenagement=oui"))


async def _not_moved(request: Request, session: Session, referral_id: UUID, typed: Draft, error: Exception) -> Response:
    """Say what happened and what to do, with what was typed; what was answered meanwhile is shown as it is."""
    referral = await shell_of(request).desk.read(session.member, referral_id)
    match error:
        case ServiceSilent():
            response = _form(request, session, referral, typed, status=503, trouble="silent")
            response.headers["Retry-After"] = "5"
            return response
        case SendingInProgress():
            return _form(request, session, referral, typed, status=409, trouble="in_progress")
        case Conflict(code="same_commune"):
            return _form(request, session, referral, typed, (SAME,))
        case Conflict(code="person_erased"):
            return _form(request, session, referral, typed, status=409, trouble="person_erased")
        case Refused(code=code, successor=successor):
            trouble = code if code in TROUBLES else "refused"
            if trouble == "commune_merged" and not successor:
                trouble = "unknown_commune"
            return _form(request, session, referral, typed, status=422, trouble=trouble, successor=successor)
    return go(_path(referral_id, "?change=oui"))
