"""`/webhooks`: where an organisation's events are sent, what came of it, and every act on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from maillage_contracts.catalogue import catalogue
from portal.adapters.http.access import endings
from portal.adapters.http.browser import Form, shell_of
from portal.adapters.http.organisation import (
    OVERLAP_FAULT,
    Whose,
    draw,
    shown_once,
    sure,
    told,
    under_every_prefix,
    whose,
    whose_form,
)
from portal.adapters.http.words import LOCAL_TIME
from portal.domain.dates import instant
from portal.domain.draft import Fault
from portal.domain.errors import Conflict, NotFound, Refused, TooMany
from portal.domain.member import Section
from portal.domain.partner import OVERLAP_HOURS, Webhook
from portal.domain.plan import day_of

_routes = APIRouter()

ADDRESS_CHARS_MAX = 1_000
LOG_FILTERS = {"echecs": "failed", "recus": "delivered"}


@_routes.get("/webhooks")
async def webhooks(request: Request) -> Response:
    return await _list(request, await whose(request, Section.WEBHOOKS))


async def _list(request: Request, one: Whose, form: Form | None = None, faults: tuple[Fault, ...] = ()) -> Response:
    typed = form or Form({})
    return draw(
        request,
        one,
        "webhooks.html",
        webhooks=await shell_of(request).partners.webhooks.webhooks(one.member, one.code),
        types=[entry for entry in catalogue().values() if entry.on_partner_streams],
        url=typed.get("url"),
        chosen=typed.fields.get("types", ()),
        faults=faults,
        here=f"{one.base}/webhooks",
    )


@_routes.post("/webhooks")
async def add(request: Request) -> Response:
    """Add a webhook and show its secret, once."""
    one, form = await whose_form(request, Section.WEBHOOKS)
    url, types = form.get("url").strip(), [name for name in form.fields.get("types", ()) if name in catalogue()]
    if not url or len(url) > ADDRESS_CHARS_MAX:
        return await _list(request, one, form, (Fault("url", "fault.webhook.url"),))
    partners = shell_of(request).partners
    try:
        made, secret = await shown_once(
            request, one, form, "webhook",
            make=lambda: partners.webhooks.add(one.member, one.code, url, types),
        )  # fmt: skip
    except Refused:
        return await _list(request, one, form, (Fault("url", "fault.webhook.url"),))
    except Conflict:
        return await _list(request, one, form, (Fault("url", "fault.webhook.many"),))
    back = f"{one.base}/webhooks/{made.webhook_id}"
    return draw(request, one, "partner_secret.html", what="webhook", subject=made.url, secret=secret, back=back)


@_routes.get("/webhooks/{webhook_id}")
async def webhook(request: Request, webhook_id: str, journal: str = "", avant: str = "") -> Response:
    one = await whose(request, Section.WEBHOOKS)
    return await _show(request, one, webhook_id, journal, avant if avant.isascii() and avant.isdigit() else "")


async def _show(
    request: Request, one: Whose, webhook_id: str, journal: str = "", before: str = "", *, form: Form | None = None,
    faults: tuple[Fault, ...] = (),
) -> Response:  # fmt: skip
    desk = shell_of(request).partners.webhooks
    found = await desk.webhook(one.member, one.code, webhook_id)
    outcome = LOG_FILTERS.get(journal, "")
    log, following = await desk.deliveries(one.member, one.code, webhook_id, outcome=outcome, before=before)
    typed = form or Form({})
    return draw(
        request,
        one,
        "webhook.html",
        one=found,
        log=log,
        following=following,
        journal=journal if outcome else "",
        titles={entry.ce_type: entry.title for entry in catalogue().values()},
        endings=[end for end in endings(catalogue().values(), [found]) if end.asked_by or not found.event_types],
        day=typed.get("day"),
        event_id=typed.get("event_id"),
        faults=faults,
        here=f"{one.base}/webhooks/{found.webhook_id}",
    )


async def _acted(
    request: Request, webhook_id: str, act: Callable[[Whose], Awaitable[str]], *, refused: str = "change"
) -> Response:
    one, _ = await whose_form(request, Section.WEBHOOKS)
    try:
        said = await act(one)
    except TooMany:
        said = "doucement"
    except Conflict:
        said = "change"
    except Refused:
        said = refused
    return told(f"{one.base}/webhooks/{webhook_id}", said)


@_routes.post("/webhooks/{webhook_id}/pause")
async def pause(request: Request, webhook_id: str) -> Response:
    async def act(one: Whose) -> str:
        await shell_of(request).partners.webhooks.act(one.member, one.code, webhook_id, "pause")
        return "pause"

    return await _acted(request, webhook_id, act)


@_routes.post("/webhooks/{webhook_id}/reprise")
async def resume(request: Request, webhook_id: str) -> Response:
    async def act(one: Whose) -> str:
        await shell_of(request).partners.webhooks.act(one.member, one.code, webhook_id, "resume")
        return "reprise"

    return await _acted(request, webhook_id, act, refused="defi")


@_routes.post("/webhooks/{webhook_id}/defi")
async def verify(request: Request, webhook_id: str) -> Response:
    async def act(one: Whose) -> str:
        await shell_of(request).partners.webhooks.act(one.member, one.code, webhook_id, "verification")
        return "verifie"

    return await _acted(request, webhook_id, act, refused="defi")


@_routes.post("/webhooks/{webhook_id}/essai")
async def test(request: Request, webhook_id: str) -> Response:
    async def act(one: Whose) -> str:
        tried = await shell_of(request).partners.webhooks.test(one.member, one.code, webhook_id)
        return "essai-recu" if tried.outcome == "delivered" else "essai-echec"

    return await _acted(request, webhook_id, act)


@_routes.post("/webhooks/{webhook_id}/renvoi")
async def redeliver(request: Request, webhook_id: str) -> Response:
    """Send one event again, or all since the beginning of a day."""
    one, form = await whose_form(request, Section.WEBHOOKS)
    what, wrong = _again(form)
    if not wrong:
        try:
            await shell_of(request).partners.webhooks.redeliver(one.member, one.code, webhook_id, what)
        except Conflict:
            return told(f"{one.base}/webhooks/{webhook_id}", "change")
        except (NotFound, Refused):
            field = "event_id" if "event_id" in what else "day"
            wrong = (Fault(field, f"fault.redelivery.{field}"),)
    if wrong:
        return await _show(request, one, webhook_id, form=form, faults=wrong)
    return told(f"{one.base}/webhooks/{webhook_id}", "renvoi")


def _again(form: Form) -> tuple[dict[str, str], tuple[Fault, ...]]:
    if "event_id" in form.fields:
        event_id = form.get("event_id").strip()
        return {"event_id": event_id}, () if event_id else (Fault("event_id", "fault.redelivery.event_id"),)
    day = day_of(form.get("day"))
    if day is None:
        return {}, (Fault("day", "fault.redelivery.day"),)
    return {"since": instant(datetime.combine(day, time(), LOCAL_TIME))}, ()


async def _found(request: Request, one: Whose, webhook_id: str) -> Webhook:
    return await shell_of(request).partners.webhooks.webhook(one.member, one.code, webhook_id)


@_routes.get("/webhooks/{webhook_id}/secret")
async def rotating(request: Request, webhook_id: str) -> Response:
    one = await whose(request, Section.WEBHOOKS)
    return _ask_rotation(request, one, await _found(request, one, webhook_id))


def _ask_rotation(request: Request, one: Whose, found: Webhook, faults: tuple[Fault, ...] = ()) -> Response:
    here = f"{one.base}/webhooks/{found.webhook_id}"
    return sure(request, one, "webhook_rotation", here, found.url, overlaps=OVERLAP_HOURS, faults=faults,
                action=f"{here}/secret")  # fmt: skip


@_routes.post("/webhooks/{webhook_id}/secret")
async def rotated(request: Request, webhook_id: str) -> Response:
    one, form = await whose_form(request, Section.WEBHOOKS)
    hours, found = form.get("overlap"), await _found(request, one, webhook_id)
    if hours not in OVERLAP_HOURS:
        return _ask_rotation(request, one, found, OVERLAP_FAULT)
    partners, back = shell_of(request).partners, f"{one.base}/webhooks/{webhook_id}"
    try:
        secret = await shown_once(
            request, one, form, "webhook-secret", webhook_id,
            make=lambda: partners.webhooks.new_secret(one.member, one.code, webhook_id, int(hours)),
        )  # fmt: skip
    except (Conflict, Refused):
        return told(back, "change")
    return draw(request, one, "partner_secret.html", what="webhook", subject=found.url, secret=secret, back=back)


@_routes.get("/webhooks/{webhook_id}/suppression")
async def deleting(request: Request, webhook_id: str) -> Response:
    one = await whose(request, Section.WEBHOOKS)
    here = f"{one.base}/webhooks/{webhook_id}"
    found = await _found(request, one, webhook_id)
    return sure(request, one, "webhook_deletion", here, found.url, action=f"{here}/suppression")


@_routes.post("/webhooks/{webhook_id}/suppression")
async def deleted(request: Request, webhook_id: str) -> Response:
    one, _ = await whose_form(request, Section.WEBHOOKS)
    # Pressed twice it is gone, as was wanted.
    with suppress(NotFound):
        await shell_of(request).partners.webhooks.delete(one.member, one.code, webhook_id)
    return told(f"{one.base}/webhooks", "supprime")


router = under_every_prefix(_routes)
