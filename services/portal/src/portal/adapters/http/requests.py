"""`/demandes` and `/organisations`: what operators decide, and whose pages they can open."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from portal.adapters.http.browser import Form, posted, shell_of, signed_in
from portal.adapters.http.organisation import CODE
from portal.adapters.http.pages import go, page
from portal.domain.draft import Fault, clean
from portal.domain.errors import Conflict, Refused
from portal.domain.joining import JoinRequest
from portal.domain.member import Section, Session

router = APIRouter()

ADDRESS = "/demandes"
WAITING = "confirmed"
FILTERS = {"a-lire": WAITING, "acceptees": "approved", "refusees": "refused", "non-confirmees": "unconfirmed"}
REASON_CHARS_MAX = 500
DONE = ("acceptee", "refusee", "change")


@router.get(ADDRESS)
async def requests(request: Request, etat: str = "a-lire", fait: str = "") -> Response:
    session = await signed_in(request, Section.REQUESTS)
    chosen = etat if etat in FILTERS else "a-lire"
    return page(
        request,
        "requests.html",
        session=session,
        requests=await shell_of(request).partners.operators.requests(session.member, FILTERS[chosen]),
        filters=list(FILTERS.items()),
        chosen=chosen,
        told=fait if fait in DONE else "",
    )


@router.get(f"{ADDRESS}/{{request_id}}")
async def request_page(request: Request, request_id: str) -> Response:
    session = await signed_in(request, Section.REQUESTS)
    one = await shell_of(request).partners.operators.request(session.member, request_id)
    return _draw(request, session, one, Form({"code": (one.suggested_code,)}))


def _draw(request: Request, session: Session, one: JoinRequest, form: Form, faults: tuple[Fault, ...] = ()) -> Response:
    return page(
        request,
        "request.html",
        session=session,
        status=422 if faults else 200,
        one=one,
        places=shell_of(request).partners.places.names(one.territory),
        waiting=one.state == WAITING,
        code=form.get("code"),
        reason=form.get("reason"),
        faults=faults,
        here=f"{ADDRESS}/{one.join_request_id}",
    )


@router.post(f"{ADDRESS}/{{request_id}}/acceptation")
async def approved(request: Request, request_id: str) -> Response:
    """Let an organisation in, under a code that is its for ever."""
    session, form = await posted(request, Section.REQUESTS)
    wrong, code = "", form.get("code").strip()
    if not CODE.match(code):
        wrong = "fault.code.form"
    else:
        try:
            await shell_of(request).partners.operators.approve(session.member, request_id, code)
        except Conflict as conflict:
            wrong = "fault.code.taken" if conflict.code.startswith("code") else "fault.code.place"
        except Refused:
            wrong = "fault.code.form"
    if not wrong:
        return go(f"{ADDRESS}?fait=acceptee")
    return await _again(request, session, request_id, form, Fault("code", wrong))


@router.post(f"{ADDRESS}/{{request_id}}/refus")
async def refused(request: Request, request_id: str) -> Response:
    """Turn a request down; the reason is shown to whoever asked."""
    session, form = await posted(request, Section.REQUESTS)
    reason = clean(form.get("reason"))
    if not reason or len(reason) > REASON_CHARS_MAX:
        return await _again(request, session, request_id, form, Fault("reason", "fault.refusal"))
    try:
        await shell_of(request).partners.operators.refuse(session.member, request_id, reason)
    except Conflict:
        return go(f"{ADDRESS}?fait=change")
    except Refused:
        return await _again(request, session, request_id, form, Fault("reason", "fault.refusal"))
    return go(f"{ADDRESS}?fait=refusee")


async def _again(request: Request, session: Session, request_id: str, form: Form, fault: Fault) -> Response:
    """Draw the request again with what was typed, or say that somebody else was quicker."""
    one = await shell_of(request).partners.operators.request(session.member, request_id)
    return _draw(request, session, one, form, (fault,)) if one.state == WAITING else go(f"{ADDRESS}?fait=change")


@router.get("/organisations")
async def organisations(request: Request) -> Response:
    session = await signed_in(request, Section.ORGANISATIONS)
    found = await shell_of(request).partners.operators.organisations(session.member)
    return page(request, "organisations.html", session=session, organisations=found)
