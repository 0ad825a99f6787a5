"""`/rejoindre`: an organisation asks to join. Typed, read again with official names, then sent.

Until it is sent the form is kept nowhere but in the page, which carries everything typed from step to step.
"""

from __future__ import annotations

import json
from hashlib import sha256
from uuid import UUID, uuid5

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import new_id
from portal.adapters.http.browser import (
    Form,
    FormExpired,
    language_of,
    read_form,
    session_of,
    shell_of,
    visitor_posted,
)
from portal.adapters.http.pages import go, page
from portal.domain.draft import Fault
from portal.domain.errors import Conflict, KeyReused, Refused, SendingInProgress, ServiceSilent, TooMany
from portal.domain.joining import Asked, faults, join_body
from portal.domain.member import PARTNERS

router = APIRouter()

ADDRESS = "/rejoindre"
SENT = "/demande-envoyee"
REFUSED_FIELDS = (
    "name", "legal_number", "kind", "territory", "contact_email", "email", "phone", "postal_address", "language",
)  # fmt: skip


@router.get(ADDRESS)
async def form(request: Request) -> Response:
    return await _draw(request, Asked({"language": language_of(request)}), key=str(new_id()))


@router.get(SENT)
async def sent(request: Request) -> Response:
    return page(request, "join_sent.html", session=await session_of(request))


@router.post(ADDRESS)
async def asked(request: Request) -> Response:
    """Go one step on: read again, change, or send."""
    form, trouble = await read_form(request), ""
    try:
        await visitor_posted(request)
    except FormExpired:
        trouble = "expired"
    typed, key = Asked.of(form.fields), _form_key(form)
    wrong = faults(typed, shell_of(request).partners.places.read(typed.value("territory")))
    if form.get("etape") == "corriger" or wrong:
        return await _draw(request, typed, key=key, faults=wrong if form.get("etape") != "corriger" else ())
    if form.get("etape") != "envoyer" or trouble:
        return await _check(request, typed, key, trouble)
    return await _send(request, typed, key)


def _form_key(form: Form) -> str:
    """Return what names this form, so that pressing twice asks once."""
    try:
        return str(UUID(form.get("cle")))
    except ValueError:
        return str(new_id())


async def _send(request: Request, typed: Asked, key: str) -> Response:
    shell = shell_of(request)
    body = join_body(typed, shell.partners.places.read(typed.value("territory")))
    # The same answers again are the same request, mended ones another.
    written = json.dumps(body, sort_keys=True, ensure_ascii=False)
    try:
        await shell.partners.join.ask(body, key=str(uuid5(UUID(key), written)), visitor=_visitor(request))
    except TooMany:
        return await _check(request, typed, key, "too_many")
    except ServiceSilent:
        return await _check(request, typed, key, "silent")
    except (SendingInProgress, KeyReused):
        return await _check(request, typed, key, "in_progress")
    except Conflict:
        return await _check(request, typed, key, "taken")
    except Refused as refused:
        return await _draw(request, typed, key=key, faults=_refused(refused), status=422)
    return go(SENT)


def _refused(refused: Refused) -> tuple[Fault, ...]:
    """Return the service's own objections, at the fields they are about."""
    names = dict.fromkeys(name.split(".")[0].split("[")[0] for name in refused.fields)
    found = tuple(Fault(name, f"fault.join_refused.{name}") for name in names if name in REFUSED_FIELDS)
    return found or (Fault("name", "fault.join_refused.name"),)


def _visitor(request: Request) -> str:
    """Return what tells one visitor from another for an hour's counting; it does not say who."""
    host = request.client.host if request.client else ""
    return sha256(f"maillage join {host}".encode()).hexdigest()[:16]


async def _draw(
    request: Request, typed: Asked, *, key: str, faults: tuple[Fault, ...] = (), status: int = 200
) -> Response:
    shell = shell_of(request)
    wrong = {fault.field for fault in faults}
    return page(
        request,
        "join.html",
        session=await session_of(request),
        status=422 if faults else status,
        asked=typed,
        kinds=[kind.value for kind in PARTNERS],
        troubles=shell.partners.places.read(typed.value("territory")).troubles if "territory" in wrong else (),
        faults=faults,
        form_key=key,
        here=ADDRESS,
    )


TROUBLES = {"expired": 409, "in_progress": 409, "taken": 409, "too_many": 429, "silent": 503}


async def _check(request: Request, typed: Asked, key: str, trouble: str = "") -> Response:
    response = page(
        request,
        "join_check.html",
        session=await session_of(request),
        status=TROUBLES.get(trouble, 200),
        asked=typed,
        places=shell_of(request).partners.places.read(typed.value("territory")).places,
        trouble=trouble,
        form_key=key,
        here=ADDRESS,
    )
    if trouble == "silent":
        response.headers["Retry-After"] = "5"
    return response
