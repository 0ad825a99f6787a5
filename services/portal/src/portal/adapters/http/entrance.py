"""The pages before and around the work: home, sign in, sign out, language, accessibility, components."""

from __future__ import annotations

from itertools import groupby
from uuid import UUID

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal.adapters.http import samples
from portal.adapters.http.browser import (
    KEPT_PATH,
    KEPT_PREFIX,
    LANGUAGE_COOKIE,
    LANGUAGE_SECONDS,
    SESSION_COOKIE,
    Form,
    local_path,
    posted,
    session_of,
    set_cookie,
    shell_of,
    visitor_posted,
)
from portal.adapters.http.pages import go, home_of, page
from portal.adapters.http.words import LANGUAGES
from portal.app.sign_in import SESSION_HOURS, sign_in
from portal.domain.errors import NotFound
from portal.domain.member import Member

router = APIRouter()


@router.get("/")
async def home(request: Request) -> Response:
    return page(request, "home.html", session=await session_of(request))


@router.get("/connexion")
async def sign_in_page(request: Request) -> Response:
    session = await session_of(request)
    if session is not None:
        return go(home_of(session))
    return await draw_sign_in(request)


async def draw_sign_in(
    request: Request, *, status: int = 200, kept: Form | None = None, fault: bool = False
) -> Response:
    """Draw the choice of members; `kept` is a form that lost its session and continues after signing in."""
    shell = shell_of(request)
    members = await shell.directory.members() if shell.demo_login else []
    return page(
        request,
        "sign_in.html",
        status=status,
        organisations=by_organisation(members),
        kept=kept_fields(request.url.path, kept) if kept else (),
        fault=fault,
        here="/connexion",
    )


def by_organisation(members: object) -> list[tuple[str, list[Member]]]:
    """Group members under their organisations, associations first."""
    listed = [member for member in members if isinstance(member, Member)] if isinstance(members, list | tuple) else []
    ordered = sorted(listed, key=lambda one: (one.kind.value, one.organisation_name, one.label))
    return [(name, list(group)) for name, group in groupby(ordered, key=lambda one: one.organisation_name)]


def kept_fields(path: str, form: Form) -> list[tuple[str, str]]:
    """Return a form as hidden fields, under names of their own; one already carried goes on being carried."""
    if form.get(KEPT_PATH):
        return [(name, value) for name, values in form.fields.items() if name.startswith("garde") for value in values]
    typed = [(KEPT_PREFIX + name, value) for name, values in form.kept().items() for value in values]
    return [(KEPT_PATH, path), *typed]


@router.post("/connexion")
async def signing_in(request: Request) -> Response:
    shell = shell_of(request)
    if not shell.demo_login:
        raise HTTPException(404)
    form = await visitor_posted(request)
    try:
        member_id = UUID(form.get("membre"))
        _, token = await sign_in(shell.directory, shell.sessions, member_id, now=shell.clock.now())
    except (ValueError, NotFound):
        return await draw_sign_in(request, status=422, kept=form if form.get(KEPT_PATH) else None, fault=True)
    request.state.session = await shell.sessions.find(token, now=shell.clock.now())
    response: Response = go(home_of(request.state.session))
    if form.get(KEPT_PATH):
        response = resume_page(request, local_path(form.get(KEPT_PATH)), unkept(form))
    set_cookie(response, request, SESSION_COOKIE, token, SESSION_HOURS * 3600)
    return response


def unkept(form: Form) -> list[tuple[str, str]]:
    """Return the fields of a form that was carried through the sign-in."""
    return [
        (name.removeprefix(KEPT_PREFIX), value)
        for name, values in form.fields.items()
        if name.startswith(KEPT_PREFIX)
        for value in values
    ]


def resume_page(request: Request, path: str, fields: list[tuple[str, str]], status: int = 200) -> Response:
    """Offer to go on with a form that met a lost session; the person presses the button, nothing happens by itself."""
    return page(request, "resume.html", session=request.state.session, status=status, action=path, fields=fields)


@router.post("/deconnexion")
async def signing_out(request: Request) -> Response:
    await posted(request)
    await shell_of(request).sessions.close(request.cookies.get(SESSION_COOKIE, ""))
    response = go("/")
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")
    return response


@router.get("/langue")
async def language(request: Request, choix: str = "", retour: str = "/") -> Response:
    response: RedirectResponse = go(local_path(retour))
    if choix in LANGUAGES:
        set_cookie(response, request, LANGUAGE_COOKIE, choix, LANGUAGE_SECONDS)
    return response


@router.get("/accessibilite")
async def accessibility(request: Request) -> Response:
    return page(request, "accessibility.html", session=await session_of(request))


@router.get("/design")
async def design(request: Request) -> Response:
    return page(request, "design.html", session=await session_of(request), sample=samples.SAMPLE)
