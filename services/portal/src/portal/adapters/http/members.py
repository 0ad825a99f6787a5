"""`/membres`: who signs in for an organisation, by post and role; never a person's name."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from portal.adapters.http.browser import Form, shell_of
from portal.adapters.http.organisation import (
    Whose,
    draw,
    roles_of,
    sure,
    told,
    under_every_prefix,
    whose,
    whose_form,
)
from portal.domain.draft import Fault, clean
from portal.domain.errors import Conflict, NotFound, Refused
from portal.domain.member import Section
from portal.domain.partner import Post

_routes = APIRouter()
LABEL_CHARS_MAX = 80
LAST = "last_manager"


@_routes.get("/membres")
async def members(request: Request) -> Response:
    return await _list(request, await whose(request, Section.MEMBERS))


async def _list(request: Request, one: Whose, form: Form | None = None, faults: tuple[Fault, ...] = ()) -> Response:
    found = await shell_of(request).partners.access.members(one.member, one.code)
    typed = form or Form({})
    return draw(
        request, one, "members.html", members=found, roles=roles_of(one.kind), label=typed.get("label"),
        role=typed.get("role"), faults=faults, here=f"{one.base}/membres",
    )  # fmt: skip


def _faults(one: Whose, form: Form) -> tuple[Fault, ...]:
    label = clean(form.get("label"))
    found = []
    if not label or len(label) > LABEL_CHARS_MAX or "\n" in label:
        found.append(Fault("label", "fault.member.label"))
    if form.get("role") not in roles_of(one.kind):
        found.append(Fault("role", "fault.member.role"))
    return tuple(found)


@_routes.post("/membres")
async def add(request: Request) -> Response:
    """Add a member; the same post and role again is the same member."""
    one, form = await whose_form(request, Section.MEMBERS)
    if wrong := _faults(one, form):
        return await _list(request, one, form, wrong)
    try:
        await shell_of(request).partners.access.add_member(
            one.member, one.code, form.get("role"), clean(form.get("label"))
        )
    except Conflict:
        return await _list(request, one, form, (Fault("label", "fault.member.taken"),))
    except Refused:
        return await _list(request, one, form, (Fault("role", "fault.member.role"),))
    return told(f"{one.base}/membres", "membre")


async def _post(request: Request, one: Whose, member_id: str) -> Post:
    listed = await shell_of(request).partners.access.members(one.member, one.code)
    found = next((post for post in listed if post.member_id == member_id), None)
    if found is None:
        raise NotFound
    return found


@_routes.get("/membres/{member_id}")
async def change_page(request: Request, member_id: str) -> Response:
    one = await whose(request, Section.MEMBERS)
    post = await _post(request, one, member_id)
    return _change(request, one, post, Form({"label": (post.label,), "role": (post.role,)}))


def _change(request: Request, one: Whose, post: Post, form: Form, faults: tuple[Fault, ...] = ()) -> Response:
    return draw(
        request, one, "member.html", post=post, roles=roles_of(one.kind), label=form.get("label"),
        role=form.get("role"), faults=faults, here=f"{one.base}/membres/{post.member_id}",
    )  # fmt: skip


@_routes.post("/membres/{member_id}")
async def change(request: Request, member_id: str) -> Response:
    one, form = await whose_form(request, Section.MEMBERS)
    if wrong := _faults(one, form):
        return _change(request, one, await _post(request, one, member_id), form, wrong)
    try:
        await shell_of(request).partners.access.change_member(
            one.member, one.code, member_id, form.get("role"), clean(form.get("label"))
        )
    except Conflict as conflict:
        if conflict.code == LAST:
            return told(f"{one.base}/membres", "dernier")
        post = await _post(request, one, member_id)
        return _change(request, one, post, form, (Fault("label", "fault.member.taken"),))
    except Refused:
        post = await _post(request, one, member_id)
        return _change(request, one, post, form, (Fault("role", "fault.member.role"),))
    return told(f"{one.base}/membres", "membre-change")


@_routes.get("/membres/{member_id}/retrait")
async def removing(request: Request, member_id: str) -> Response:
    one = await whose(request, Section.MEMBERS)
    post = await _post(request, one, member_id)
    action = f"{one.base}/membres/{post.member_id}/retrait"
    return sure(request, one, "removal", f"{one.base}/membres", post.label, action=action)


@_routes.post("/membres/{member_id}/retrait")
async def removed(request: Request, member_id: str) -> Response:
    one, _ = await whose_form(request, Section.MEMBERS)
    try:
        await shell_of(request).partners.access.remove_member(one.member, one.code, member_id)
    except NotFound:
        pass  # Pressed twice: it is what was wanted.
    except Conflict:
        return told(f"{one.base}/membres", "dernier")
    return told(f"{one.base}/membres", "membre-retire")


router = under_every_prefix(_routes)
