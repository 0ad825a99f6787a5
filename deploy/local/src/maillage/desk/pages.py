"""The desk's pages: the e-mails and text messages that people were sent, newest first, French first.

Server-rendered and escaped; the only links in a message's text are to addresses its author wrote, opened by a click.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from maillage.desk import dates
from maillage.desk.sms import TextMessage

if TYPE_CHECKING:
    from maillage.desk.app import Desk

STATIC = Path(__file__).with_name("static")
PAGE_ROWS = 100
"""A page stays below 100 kB."""

ADDRESS = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


class Pages:
    """Routes of the pages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        environment = Environment(
            loader=PackageLoader("maillage.desk"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        environment.filters.update(
            in_full=dates.in_full,
            short=dates.short,
            linked=linked,
            outcome=outcome_in_words,
            receipt=receipt_in_words,
            shape=receipt_shape,
        )
        environment.globals.update(portal_url=desk.settings.portal_url)
        self._environment = environment

    def routes(self) -> Sequence[BaseRoute]:
        """Return every page's route."""
        return [
            Route("/", lambda _: RedirectResponse("/mail")),
            Route("/mail", self._mails),
            Route("/mail/{mail_id}", self._mail),
            Route("/sms", self._messages),
        ]

    async def _mails(self, request: Request) -> Response:
        rows, pager = _page(request, self._desk.mails.newest_first())
        return self._show(request, "mail.html", here="mail", mails=rows, pager=pager)

    async def _mail(self, request: Request) -> Response:
        mail = self._desk.mails.get(request.path_params["mail_id"])
        if mail is None:
            return self._show(request, "absent.html", 404, here="mail")
        return self._show(request, "one_mail.html", here="mail", mail=mail)

    async def _messages(self, request: Request) -> Response:
        rows, pager = _page(request, self._desk.messages.newest_first())
        return self._show(request, "sms.html", here="sms", messages=rows, pager=pager)

    def _show(self, request: Request, template: str, status: int = 200, **known: Any) -> Response:
        counts = {"mail": len(self._desk.mails), "sms": len(self._desk.messages)}
        forwarder = request.app.state.forwarder
        zipkin_url = self._desk.settings.zipkin_url if forwarder is not None and forwarder.answers else ""
        page = self._environment.get_template(template).render(counts=counts, zipkin_url=zipkin_url, **known)
        return HTMLResponse(page, status)


def _page(request: Request, rows: Sequence[Any]) -> tuple[Sequence[Any], dict[str, int | None]]:
    asked = request.query_params.get("page", "1")
    last = max(1, -(-len(rows) // PAGE_ROWS))
    number = min(max(int(asked), 1), last) if asked.isdecimal() and len(asked) < 6 else 1
    shown = rows[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]
    return shown, {"newer": number - 1 or None, "older": number + 1 if number < last else None, "last": last}


def linked(text: str) -> Markup:
    """Escape a text, and make links of the addresses in it."""
    parts, end = [], 0
    for found in ADDRESS.finditer(text):
        url = escape(found[0])
        parts += [
            escape(text[end : found.start()]),
            Markup('<a href="{0}" rel="noreferrer noopener">{0}</a>').format(url),
        ]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def outcome_in_words(message: TextMessage) -> str:
    """Say what became of a text message."""
    return {
        "delivered": "remis · delivered",
        "undeliverable": "numéro injoignable · undeliverable",
        "failed": "échec · failed",
        None: "sans nouvelles · not heard of again",
    }[message.status]


def receipt_in_words(message: TextMessage) -> str:
    """Say what became of its receipt."""
    return {
        "due": "accusé en route · receipt on its way",
        "taken": "accusé reçu par le service · receipt taken",
        "given_up": f"accusé refusé ({message.answer}) · receipt refused",
        "never": "pas d’accusé · no receipt",
    }[message.receipt]


def receipt_shape(message: TextMessage) -> str:
    """Return the class of the tag: it goes well, it waits, or it failed."""
    if message.receipt == "given_up" or message.status in ("undeliverable", "failed"):
        return "late"
    return "good" if message.receipt == "taken" else "wait"
