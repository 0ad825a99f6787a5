"""Every way a page can fail, in plain words: what happened, that nothing is lost, what to do now.

A form that met a failure is on the page that says so, one button away from being sent again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.adapters.http.browser import (
    JOIN_PREFIX,
    PERSON_PREFIX,
    SESSION_COOKIE,
    FormExpired,
    SignInNeeded,
    by_link,
    came_from_us,
    language_of,
    link_prefix,
    session_of,
)
from portal.adapters.http.entrance import draw_sign_in, resume_page
from portal.adapters.http.pages import go, page
from portal.domain.errors import AccessLost, LinkErased, LinkExpired, LinkUnknown, NotFound, ServiceSilent
from portal.domain.member import Session

SERVICES_WITH_WORDS = frozenset({"partners", "referrals", "registration", "training", "portal"})

Handler = Callable[[Request, Exception], Awaitable[Response]]


def install(app: FastAPI) -> None:
    """Make `app` answer pages instead of problem documents."""
    handlers: dict[type[Exception], Handler] = {
        ServiceSilent: _service_silent,
        NotFound: _not_found,
        LinkUnknown: _link_unknown,
        LinkExpired: _link_expired,
        LinkErased: _link_erased,
        AccessLost: _access_lost,
        SignInNeeded: _sign_in_needed,
        FormExpired: _form_expired,
        HTTPException: _http,
        RequestValidationError: _not_found,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(PagesForProblems)


def _known_session(request: Request) -> Session | None:
    session: Session | None = getattr(request.state, "session", None)
    return session


def _typed(request: Request) -> list[tuple[str, str]]:
    form = getattr(request.state, "form", None)
    if form is None:
        return []
    return [(name, value) for name, values in form.fields.items() for value in values]


async def _service_silent(request: Request, error: Exception) -> Response:
    service = error.service if isinstance(error, ServiceSilent) else "portal"
    response = page(
        request,
        "unavailable.html",
        session=_known_session(request),
        status=503,
        service=service if service in SERVICES_WITH_WORDS else "portal",
        action=request.url.path,
        again=_typed(request) if request.method == "POST" and _may_be_sent_again(request) else None,
    )
    response.headers["Retry-After"] = "5"
    return response


def _may_be_sent_again(request: Request) -> bool:
    return by_link(request) or came_from_us(request)


LINK_TEMPLATES = {PERSON_PREFIX: "person_link.html", JOIN_PREFIX: "join_link.html"}


async def _link_unknown(request: Request, error: Exception) -> Response:
    return page(request, LINK_TEMPLATES[link_prefix(request)], status=404, problem="unknown")


async def _link_expired(request: Request, error: Exception) -> Response:
    return page(request, LINK_TEMPLATES[link_prefix(request)], status=410, problem="expired")


async def _link_erased(request: Request, error: Exception) -> Response:
    return page(request, "own_erased.html", status=410)


async def _not_found(request: Request, error: Exception) -> Response:
    if by_link(request):
        return await _link_unknown(request, error)
    return page(request, "not_found.html", session=_known_session(request), status=404)


async def _access_lost(request: Request, error: Exception) -> Response:
    return page(request, "access_lost.html", session=_known_session(request), status=403)


async def _sign_in_needed(request: Request, error: Exception) -> Response:
    form = getattr(request.state, "form", None)
    if request.method != "POST":
        if request.cookies.get(SESSION_COOKIE):
            return await _or_silent(request, lambda: draw_sign_in(request, status=401))
        return go("/connexion")
    kept = form if form is not None and came_from_us(request) else None
    return await _or_silent(request, lambda: draw_sign_in(request, status=401, kept=kept))


async def _or_silent(request: Request, draw: Callable[[], Awaitable[Response]]) -> Response:
    """Drawing the sign-in needs the partners service, which may be down as well."""
    try:
        return await draw()
    except ServiceSilent as error:
        return await _service_silent(request, error)


async def _form_expired(request: Request, error: Exception) -> Response:
    form = getattr(request.state, "form", None)
    try:
        session = await session_of(request)
    except ServiceSilent as silent:
        return await _service_silent(request, silent)
    if session is None or form is None or not came_from_us(request):
        return await _sign_in_needed(request, error)
    fields = [(name, value) for name, values in form.kept().items() for value in values]
    return resume_page(request, request.url.path, fields, status=409)


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if by_link(request) and status in (404, 405):
        return await _link_unknown(request, error)
    template = "not_found.html" if status in (404, 405) else "failure.html"
    return page(request, template, session=_known_session(request), status=status, incident="")


class PagesForProblems:
    """Replace what the chassis answers as a problem document by a page; scripts and probes keep the document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or b"text/html" not in dict(scope["headers"]).get(b"accept", b""):
            await self._app(scope, receive, send)
            return
        replaced: list[Message] = []

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_problem(message):
                replaced.append(message)
            if not replaced:
                await send(message)

        await self._app(scope, receive, watched)
        if replaced:
            await _failure_page(Request(scope), replaced[0])(scope, receive, send)


def _is_problem(message: Message) -> bool:
    kind: bytes = dict(message["headers"]).get(b"content-type", b"")
    return kind.startswith(b"application/problem+json")


def _failure_page(request: Request, problem: Message) -> Response:
    headers = dict(problem["headers"])
    incident = headers.get(b"maillage-incident", b"").decode("ascii")
    response = page(
        request, "failure.html", session=_known_session(request), status=problem["status"], incident=incident
    )
    response.headers["Content-Language"] = language_of(request)
    if b"retry-after" in headers:
        response.headers["Retry-After"] = headers[b"retry-after"].decode("ascii")
    return response
