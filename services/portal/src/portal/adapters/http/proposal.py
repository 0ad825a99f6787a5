"""What a council does next with a referral it accepted: propose a joint accompaniment to an employment service."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import new_id
from portal.adapters.http.accompaniments import key_of
from portal.adapters.http.browser import Form, posted, shell_of, signed_in
from portal.adapters.http.pages import go, page
from portal.domain.draft import Fault
from portal.domain.errors import Conflict, KeyReused, Refused, SendingInProgress
from portal.domain.member import Section, Session
from portal.domain.referral import Referral, can_propose

router = APIRouter(prefix="/orientations/{referral_id}/accompagnement")

NOT_YET = "person_not_identified"
"""The referrals service's word for a person whom the register is still looking for: known in a second or two."""


@router.get("")
async def proposal(request: Request, referral_id: UUID) -> Response:
    session = await signed_in(request, Section.ACCOMPANIMENTS)
    referral = await shell_of(request).desk.read(session.member, referral_id)
    if not can_propose(referral, session.member.kind):
        return go(f"/orientations/{referral_id}?change=oui")
    return await _draw(request, session, referral, Form({}))


async def _draw(
    request: Request, session: Session, referral: Referral, form: Form, *, faults: tuple[Fault, ...] = (),
    not_yet: bool = False,
) -> Response:  # fmt: skip
    line = referral.line
    services = await shell_of(request).accompaniments.employment_services(session.member, line.commune.code)
    chosen = form.fields.get("service") or tuple(one.code for one in services if len(services) == 1)
    return page(
        request,
        "proposal.html",
        session=session,
        status=422 if faults else 409 if not_yet else 200,
        line=line,
        services=services,
        chosen=chosen,
        faults=faults,
        not_yet=not_yet,
        act_key=str(new_id()),
        here=f"/orientations/{line.referral_id}/accompagnement",
    )


@router.post("")
async def proposed(request: Request, referral_id: UUID) -> Response:
    session, form = await posted(request, Section.ACCOMPANIMENTS)
    shell, member = shell_of(request), session.member
    if not form.get("service"):
        referral = await shell.desk.read(member, referral_id)
        return await _draw(request, session, referral, form, faults=(Fault("service", "fault.service"),))
    try:
        key = key_of(form)
        accompaniment_id = await shell.accompaniments.propose(member, referral_id, form.get("service"), key=key)
    except Conflict as conflict:
        if conflict.code != NOT_YET:
            return go(f"/orientations/{referral_id}?change=oui")
        referral = await shell.desk.read(member, referral_id)
        return await _draw(request, session, referral, form, not_yet=True)
    except (SendingInProgress, KeyReused, Refused):
        return go(f"/orientations/{referral_id}?change=oui")
    return go(f"/accompagnements/{accompaniment_id}?fait=propose")
