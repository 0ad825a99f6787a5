"""What every page is made with: the use cases' ports, the templates, and the headers no page goes without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from chassis.clock import Clock
from portal.adapters.http.assets import Asset, load_assets
from portal.adapters.http.once import ShownOnce
from portal.adapters.http.words import Words
from portal.app.follow_feed import FeedHub
from portal.app.partner_ports import AccessDesk, JoinDesk, OperatorDesk, Places, StreamFiles, TypesDesk, WebhookDesk
from portal.app.ports import (
    AccompanimentDesk,
    AppointmentDesk,
    Communes,
    Directory,
    Drafts,
    PersonDesk,
    PlanDrafts,
    ReferralDesk,
    Sessions,
    TrainingDesk,
)
from portal.domain.dates import instant
from portal.domain.plan import day_of

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # Nearly every page shows personal data or a form's token: none is ever kept by a cache.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "Vary": "Cookie",
}


LINK_HEADERS: Mapping[str, str] = {**PAGE_HEADERS, "Referrer-Policy": "no-referrer"}
"""For pages whose address is a secret of its reader's: no other page is told where a click came from. Their forms need
no token and no origin: who can write the address already holds the link."""


@dataclass(frozen=True, slots=True)
class Contact:
    phone: str
    postal_address: str


@dataclass(frozen=True, slots=True)
class Partnership:
    """What the pages of organisations and operators are made with."""

    join: JoinDesk
    operators: OperatorDesk
    access: AccessDesk
    webhooks: WebhookDesk
    types: TypesDesk
    files: StreamFiles
    places: Places
    once: ShownOnce


def dial(phone: str) -> str:
    """Return a number as a telephone link wants it."""
    return "".join(char for char in phone if char.isdigit() or char == "+")


@cache
def load_templates() -> Environment:
    """Return the templates, compiled once a process; a name that one misspells is an error, never an empty string."""
    with as_file(files("portal").joinpath("templates")) as folder:
        environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters |= {"dial": dial, "instant": instant, "read_day": day_of}
        for name in environment.list_templates():
            environment.get_template(name)
    return environment


@dataclass(frozen=True)
class Shell:
    """One process's pages."""

    clock: Clock
    sessions: Sessions
    drafts: Drafts
    plan_drafts: PlanDrafts
    desk: ReferralDesk
    accompaniments: AccompanimentDesk
    appointments: AppointmentDesk
    training: TrainingDesk
    person_desk: PersonDesk
    partners: Partnership
    directory: Directory
    communes: Communes
    hub: FeedHub
    contact: Contact
    demo_login: bool
    secure_cookies: bool
    public_url: str = ""
    """Where people reach the portal; empty for wherever a request came to."""
    assets: Mapping[str, Asset] = field(default_factory=load_assets)
    templates: Environment = field(default_factory=load_templates)

    def render(self, template: str, language: str, values: Mapping[str, Any]) -> str:
        """Return the HTML of a template in one language."""
        words = Words(language)
        return self.templates.get_template(template).render(
            t=words, lang=words.language, assets=self.assets, contact=self.contact, demo=self.demo_login, **values
        )


def page_response(html: str, status: int = 200, headers: Mapping[str, str] = PAGE_HEADERS) -> HTMLResponse:
    """Return a page with the headers no page goes without."""
    return HTMLResponse(html, status, headers=headers)
