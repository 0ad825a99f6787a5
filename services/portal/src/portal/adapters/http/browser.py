"""Who is at the other end: language, session cookie, and the form it posts, checked before anybody acts on it.

A form that comes with a lost session is never thrown away: what was typed travels back inside the page that says
so, and is sent again after signing in. That is offered only to a form that came from our own pages.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from portal.adapters.csrf import csrf_matches, csrf_of
from portal.adapters.http.shell import Shell
from portal.adapters.http.words import LANGUAGES
from portal.domain.errors import NotFound
from portal.domain.member import Section, Session

SESSION_COOKIE = "maillage_session"
VISIT_COOKIE = "maillage_visite"
LANGUAGE_COOKIE = "maillage_langue"
LANGUAGE_SECONDS = 365 * 24 * 3600
CSRF_FIELD = "jeton"
KEPT_PATH = "garde_chemin"
KEPT_PREFIX = "garde."

FORM_FIELDS_MAX = 120
"""The longest form has 71 needs to tick and a handful of fields; that of a plan 20 goals and one action."""


@dataclass(frozen=True, slots=True)
class Form:
    """A posted form: each field with all its values, files refused."""

    fields: Mapping[str, tuple[str, ...]]

    def get(self, name: str) -> str:
        values = self.fields.get(name, ())
        return values[0] if values else ""

    def kept(self) -> dict[str, tuple[str, ...]]:
        """Return what the person typed, without what only belongs to the lost session."""
        return {name: values for name, values in self.fields.items() if name != CSRF_FIELD}


class SignInNeeded(Exception):
    """Nobody is signed in, or no longer; the page offers to, and keeps the posted form."""


class FormExpired(Exception):
    """The form was drawn for another session of this browser; it is shown again with what was typed."""


def shell_of(request: Request) -> Shell:
    shell: Shell = request.app.state.shell
    return shell


def language_of(request: Request) -> str:
    """Return the reader's chosen language, French when none was chosen."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


async def session_of(request: Request) -> Session | None:
    """Return the session of this browser, looked up once a request."""
    if not hasattr(request.state, "session"):
        shell, token = shell_of(request), request.cookies.get(SESSION_COOKIE, "")
        request.state.session = await shell.sessions.find(token, now=shell.clock.now()) if token else None
    found: Session | None = request.state.session
    return found


async def signed_in(request: Request, section: Section | None = None) -> Session:
    """Return the session; raises SignInNeeded without one, NotFound for a section its organisation does not have."""
    session = await session_of(request)
    if session is None:
        raise SignInNeeded
    if section is not None and section not in session.member.sections:
        raise NotFound
    return session


async def read_form(request: Request) -> Form:
    """Read the posted form, once."""
    if not hasattr(request.state, "form"):
        async with request.form(max_files=0, max_fields=FORM_FIELDS_MAX, max_part_size=64 * 1024) as posted:
            fields: dict[str, tuple[str, ...]] = {}
            for name, value in posted.multi_items():
                if isinstance(value, str):
                    fields[name] = (*fields.get(name, ()), value)
        request.state.form = Form(fields)
    form: Form = request.state.form
    return form


async def posted(request: Request, section: Section | None = None) -> tuple[Session, Form]:
    """Return session and form of a POST whose token is this session's. For every form behind the sign-in."""
    form = await read_form(request)
    session = await signed_in(request, section)
    if not csrf_matches(session.csrf, form.get(CSRF_FIELD)):
        raise FormExpired
    return session, form


def visit_of(request: Request) -> str:
    """Return the cookie that forms before the sign-in are bound to; made on first need, set by `keep_visit`."""
    if not hasattr(request.state, "visit"):
        request.state.visit = request.cookies.get(VISIT_COOKIE, "") or secrets.token_urlsafe(32)
    visit: str = request.state.visit
    return visit


async def visitor_posted(request: Request) -> Form:
    """Return the form of a POST before the sign-in; raises FormExpired when it was not drawn for this browser."""
    form = await read_form(request)
    visit = request.cookies.get(VISIT_COOKIE, "")
    if not visit or not csrf_matches(csrf_of(visit), form.get(CSRF_FIELD)):
        raise FormExpired
    return form


PERSON_PREFIX = "/rendez-vous/"
JOIN_PREFIX = "/rejoindre/"
LINK_PREFIXES = (PERSON_PREFIX, JOIN_PREFIX)
"""Pages opened by a link that was sent: a person's, and that of who asked to join. What follows is a secret: it goes
into no other address and no log."""


def by_link(request: Request) -> bool:
    return request.url.path.startswith(LINK_PREFIXES)


def link_prefix(request: Request) -> str:
    """Return which kind of link a page was opened by."""
    return next(prefix for prefix in LINK_PREFIXES if request.url.path.startswith(prefix))


def link_address(request: Request) -> str:
    """Return the address of the link's own page, whichever of its pages is asked for."""
    prefix = link_prefix(request)
    return prefix + quote(request.url.path.removeprefix(prefix).split("/")[0], safe="")


def came_from_us(request: Request) -> bool:
    """Tell whether the browser says that this form was on one of our own pages."""
    origin = request.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host", "")


def local_path(path: str) -> str:
    """Return `path` if it is one of ours, else the home page: never a way to another site."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if plain and len(path) <= 500 else "/"


def set_cookie(response: Response, request: Request, name: str, value: str, max_age: int | None = None) -> None:
    """Set one of our cookies: never readable by scripts, never sent with a form of another site."""
    response.set_cookie(
        name, value, max_age=max_age, path="/", httponly=True, samesite="lax", secure=shell_of(request).secure_cookies
    )
