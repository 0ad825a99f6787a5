"""Draw a page for the browser that asked: its language, its session, its tokens."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal.adapters.csrf import csrf_of
from portal.adapters.http.browser import VISIT_COOKIE, language_of, set_cookie, shell_of, visit_of
from portal.adapters.http.shell import PAGE_HEADERS, page_response
from portal.domain.member import Session

SEE_OTHER = 303
"""Answers every successful form, so that reload and back repeat nothing."""


def page(
    request: Request, template: str, *, session: Session | None = None, status: int = 200, **values: Any
) -> Response:
    """Return a page. Without a session its forms are bound to the visit cookie, which is set on the way."""
    values.setdefault("csrf", session.csrf if session is not None else csrf_of(visit_of(request)))
    values.setdefault("here", request.url.path if request.method == "GET" else "/")
    html = shell_of(request).render(template, language_of(request), {"session": session, **values})
    response = page_response(html, status)
    if session is None and request.cookies.get(VISIT_COOKIE) != visit_of(request):
        set_cookie(response, request, VISIT_COOKIE, visit_of(request))
    return response


def go(path: str) -> RedirectResponse:
    """Send the browser to another of our pages after a form."""
    return RedirectResponse(path, SEE_OTHER, headers={"Cache-Control": PAGE_HEADERS["Cache-Control"]})
