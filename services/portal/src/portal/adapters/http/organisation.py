"""Whose access, members or webhooks a page is about: the manager's own organisation, or the one an operator chose."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import new_id
from portal.adapters.http.browser import Form, posted, shell_of, signed_in
from portal.adapters.http.pages import go, page
from portal.domain.draft import Fault
from portal.domain.errors import NotFound
from portal.domain.member import ROLES, Kind, Member, Section, Session

T = TypeVar("T")
CODE = re.compile(r"^[a-z0-9]{2,20}$")
PREFIXES = ("", "/organisations/{code}")
"""Every page of an organisation is its manager's and, under its code, the operators'."""


@dataclass(frozen=True, slots=True)
class Whose:
    """An organisation, who looks at it, and where its pages are."""

    session: Session
    code: str
    """Empty for the member's own."""
    name: str
    kind: str

    @property
    def member(self) -> Member:
        return self.session.member

    @property
    def base(self) -> str:
        """Where this organisation's pages begin."""
        return f"/organisations/{self.code}" if self.code else ""


async def whose(request: Request, section: Section) -> Whose:
    """Return whose page is asked for; raises SignInNeeded, or NotFound for whoever may not see it."""
    return await _of(request, await signed_in(request, _section(request, section)))


async def whose_form(request: Request, section: Section) -> tuple[Whose, Form]:
    """Return whose form was posted, and the form, checked."""
    session, form = await posted(request, _section(request, section))
    return await _of(request, session), form


def _section(request: Request, section: Section) -> Section:
    return Section.ORGANISATIONS if "code" in request.path_params else section


async def _of(request: Request, session: Session) -> Whose:
    code = str(request.path_params.get("code", ""))
    member = session.member
    if not code:
        return Whose(session, "", member.organisation_name, member.kind.value)
    if not CODE.match(code):
        raise NotFound
    name, kind = await shell_of(request).partners.operators.organisation(member, code)
    return Whose(session, code, name, kind)


def draw(request: Request, one: Whose, template: str, /, **values: Any) -> Response:
    """Return one of the organisation's pages; its forms are pressed once under `form_key`."""
    values.setdefault("status", 422 if values.get("faults") else 200)
    values.setdefault("faults", ())
    values.setdefault("here", f"{one.base}/acces" if request.method == "POST" else request.url.path)
    told = request.query_params.get("fait", "")
    return page(
        request, template, session=one.session, whose=one, base=one.base, form_key=str(new_id()),
        told=told if told in TOLD else "", **values,
    )  # fmt: skip


TOLD = (
    "secret-fin", "revoque", "membre", "membre-change", "membre-retire", "pause", "reprise", "verifie", "defi",
    "essai-recu", "essai-echec", "renvoi", "supprime", "change", "doucement", "dernier",
    "types", "types-memes",
)  # fmt: skip
"""What a page may say was just done; any other word in an address says nothing."""


def sure(request: Request, one: Whose, act: str, back: str, subject: str, **values: Any) -> Response:
    """Return the page that asks before something is done that cannot be undone, or that shows a secret.

    `stopped` names the sentence that says why it cannot be done now.
    """
    values.setdefault("stopped", "")
    return draw(request, one, "partner_act.html", act=act, back=back, subject=subject, **values)


def told(path: str, what: str) -> Response:
    """Go back to a page that says what was done."""
    return go(f"{path}?fait={what}")


async def shown_once(request: Request, one: Whose, form: Form, *act: str, make: Callable[[], Awaitable[T]]) -> T:
    """Return what `make` gave for this form of this member, called once however often it is pressed (`once`)."""
    pressed = (str(one.member.member_id), one.code, *act, form.get("cle") or str(new_id()))
    return await shell_of(request).partners.once.answer(*pressed, make=make)


def under_every_prefix(router: APIRouter) -> APIRouter:
    """Return the routes twice: for an organisation's own manager, and under its code for operators."""
    both = APIRouter()
    for prefix in PREFIXES:
        both.include_router(router, prefix=prefix)
    return both


def roles_of(kind: str) -> tuple[str, ...]:
    """Return the roles to choose from in an organisation of a kind."""
    return ROLES.get(Kind(kind), ()) if kind in set(Kind) else ()


OVERLAP_FAULT = (Fault("overlap", "fault.overlap"),)
