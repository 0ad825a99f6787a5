"""Draw a page for the browser that asked: its language, its session, its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal.adapters.csrf import csrf_of
from portal.adapters.http.browser import (
    LINK_PREFIXES,
    VISIT_COOKIE,
    by_link,
    language_of,
    link_address,
    set_cookie,
    shell_of,
    visit_of,
)
from portal.adapters.http.shell import LINK_HEADERS, page_response
from portal.domain.member import Section, Session

SEE_OTHER = 303
"""Answers every successful form, so that reload and back repeat nothing."""


SECTION_PATHS: Mapping[Section, str] = {
    Section.REFERRALS: "/orientations",
    Section.ACCOMPANIMENTS: "/accompagnements",
    Section.AGENDA: "/agenda",
    Section.REQUESTS: "/demandes",
    Section.ORGANISATIONS: "/organisations",
    Section.ACCESS: "/acces",
    Section.MEMBERS: "/membres",
    Section.WEBHOOKS: "/webhooks",
    Section.TYPES: "/evenements-recus",
    Section.FILES: "/fichiers",
}


def home_of(session: Session | None) -> str:
    """Return where this reader's work begins."""
    return SECTION_PATHS[session.member.sections[0]] if session is not None else "/"


def navigation(request: Request, session: Session | None) -> list[tuple[str, str, bool]]:
    """Return the sections to choose from, by path and name, and whether the reader is there; nothing for one alone."""
    sections = session.member.sections if session is not None else ()
    here = request.url.path
    paths = [(SECTION_PATHS[section], section.value) for section in sections]
    return [(path, name, f"{here}/".startswith(f"{path}/")) for path, name in paths] if len(paths) > 1 else []


def page(
    request: Request, template: str, *, session: Session | None = None, status: int = 200, **values: Any
) -> Response:
    """Return a page. Without a session its forms are bound to the visit cookie, which is set on the way.

    A page opened by a link that was sent has a frame of its own, sets no such cookie, and tells nobody its address.
    """
    if by_link(request):
        values = {"csrf": "", "here": "", "layout": "person.html", "own": link_address(request), **values}
        return page_response(_drawn(request, template, None, values), status, LINK_HEADERS)
    values.setdefault("csrf", session.csrf if session is not None else csrf_of(visit_of(request)))
    values.setdefault("here", request.url.path if request.method == "GET" else "/")
    values["nav"] = navigation(request, session)
    response = page_response(_drawn(request, template, session, {"layout": "base.html", **values}), status)
    if session is None and request.cookies.get(VISIT_COOKIE) != visit_of(request):
        set_cookie(response, request, VISIT_COOKIE, visit_of(request))
    return response


def _drawn(request: Request, template: str, session: Session | None, values: Mapping[str, Any]) -> str:
    own = {"session": session, "home": home_of(session), **values}
    return shell_of(request).render(template, language_of(request), own)


def go(path: str) -> RedirectResponse:
    """Send the browser to another of our pages after a form."""
    kept = ("Cache-Control", "Referrer-Policy") if path.startswith(LINK_PREFIXES) else ("Cache-Control",)
    return RedirectResponse(path, SEE_OTHER, headers={name: LINK_HEADERS[name] for name in kept})
