"""`/acces`: an organisation's programs, their secrets and their last use; and the event types that end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from maillage_contracts.catalogue import Entry, catalogue
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
from portal.domain.errors import Conflict, NotFound, Refused
from portal.domain.member import Section
from portal.domain.partner import OVERLAP_HOURS, SECRETS_MAX, ApiClient, Webhook

_routes = APIRouter()


@dataclass(frozen=True, slots=True)
class Ending:
    """A type of event that ends, what replaces it, and which of the organisation's webhooks name it."""

    entry: Entry
    successor: Entry | None
    asked_by: tuple[str, ...]


def endings(entries: Iterable[Entry], webhooks: Sequence[Webhook]) -> list[Ending]:
    """Return the types on partners' streams that have an end date, the soonest first."""
    known = {entry.ce_type: entry for entry in entries}
    found = [
        Ending(
            entry,
            known.get(entry.deprecation.replaced_by or ""),
            tuple(one.url for one in webhooks if entry.ce_type in one.event_types),
        )
        for entry in known.values()
        if entry.deprecation is not None and entry.on_partner_streams
    ]
    return sorted(found, key=lambda one: one.entry.deprecation.sunset)  # type: ignore[union-attr]  # chosen above


@_routes.get("/acces")
async def clients(request: Request) -> Response:
    one = await whose(request, Section.ACCESS)
    partners = shell_of(request).partners
    return draw(
        request,
        one,
        "access.html",
        clients=await partners.access.clients(one.member, one.code),
        kafka=await partners.access.kafka(one.member, one.code),
        endings=endings(catalogue().values(), await partners.webhooks.webhooks(one.member, one.code)),
    )


async def _client(request: Request, one: Whose, client_id: str) -> ApiClient:
    listed = await shell_of(request).partners.access.clients(one.member, one.code)
    found = next((client for client in listed if client.client_id == client_id), None)
    if found is None:
        raise NotFound
    return found


@_routes.post("/acces")
async def new_client(request: Request) -> Response:
    """Give another program access; operators only, since it widens what an organisation has."""
    one, form = await whose_form(request, Section.ACCESS)
    if not one.code:
        raise NotFound
    partners = shell_of(request).partners
    shown = await shown_once(
        request, one, form, "client", make=lambda: partners.access.new_client(one.member, one.code)
    )
    return draw(request, one, "partner_secret.html", what="client", subject=shown.client_id, secret=shown.client_secret,
                back=f"{one.base}/acces")  # fmt: skip


@_routes.get("/acces/{client_id}/secret")
async def rotating(request: Request, client_id: str) -> Response:
    one = await whose(request, Section.ACCESS)
    return _ask_rotation(request, one, await _client(request, one, client_id))


def _ask_rotation(request: Request, one: Whose, client: ApiClient, form: Form | None = None) -> Response:
    return sure(
        request, one, "rotation", f"{one.base}/acces", client.client_id, overlaps=OVERLAP_HOURS,
        stopped="full" if len(client.secrets) >= SECRETS_MAX else "", faults=() if form is None else OVERLAP_FAULT,
        action=f"{one.base}/acces/{client.client_id}/secret",
    )  # fmt: skip


@_routes.post("/acces/{client_id}/secret")
async def rotated(request: Request, client_id: str) -> Response:
    """Make a new secret and show it, once; the older one goes on for the time that was chosen."""
    one, form = await whose_form(request, Section.ACCESS)
    hours = form.get("overlap")
    if hours not in OVERLAP_HOURS:
        return _ask_rotation(request, one, await _client(request, one, client_id), form)
    partners = shell_of(request).partners
    try:
        shown = await shown_once(
            request, one, form, "secret", client_id,
            make=lambda: partners.access.new_secret(one.member, one.code, client_id, int(hours)),
        )  # fmt: skip
    except (Conflict, Refused):
        return told(f"{one.base}/acces", "change")
    return draw(request, one, "partner_secret.html", what="rotation", subject=client_id, secret=shown.client_secret,
                back=f"{one.base}/acces")  # fmt: skip


@_routes.get("/acces/{client_id}/secret/{secret_id}")
async def ending(request: Request, client_id: str, secret_id: str) -> Response:
    one = await whose(request, Section.ACCESS)
    client = await _client(request, one, client_id)
    if secret_id not in {secret.secret_id for secret in client.secrets}:
        return told(f"{one.base}/acces", "change")
    return sure(
        request, one, "secret_end", f"{one.base}/acces", client_id,
        stopped="alone" if len(client.secrets) == 1 else "", action=f"{one.base}/acces/{client_id}/secret/{secret_id}",
    )  # fmt: skip


@_routes.post("/acces/{client_id}/secret/{secret_id}")
async def ended(request: Request, client_id: str, secret_id: str) -> Response:
    one, _ = await whose_form(request, Section.ACCESS)
    try:
        await shell_of(request).partners.access.end_secret(one.member, one.code, client_id, secret_id)
    except NotFound:
        pass  # Pressed twice: it is what was wanted.
    except (Conflict, Refused):
        return told(f"{one.base}/acces", "change")
    return told(f"{one.base}/acces", "secret-fin")


@_routes.get("/acces/{client_id}/revocation")
async def revoking(request: Request, client_id: str) -> Response:
    one = await whose(request, Section.ACCESS)
    await _client(request, one, client_id)
    return sure(request, one, "revocation", f"{one.base}/acces", client_id,
                action=f"{one.base}/acces/{client_id}/revocation")  # fmt: skip


@_routes.post("/acces/{client_id}/revocation")
async def revoked(request: Request, client_id: str) -> Response:
    one, _ = await whose_form(request, Section.ACCESS)
    # Pressed twice it is gone, as was wanted.
    with suppress(NotFound):
        await shell_of(request).partners.access.revoke(one.member, one.code, client_id)
    return told(f"{one.base}/acces", "revoque")


@_routes.get("/acces/kafka/mot-de-passe")
async def renewing_kafka(request: Request) -> Response:
    one = await whose(request, Section.ACCESS)
    found = await shell_of(request).partners.access.kafka(one.member, one.code)
    if found is None:
        raise NotFound
    return sure(request, one, "kafka_password", f"{one.base}/acces", found.username,
                action=f"{one.base}/acces/kafka/mot-de-passe")  # fmt: skip


@_routes.post("/acces/kafka/mot-de-passe")
async def renewed_kafka(request: Request) -> Response:
    """Make a new Kafka password and show it, once; the older one stops within seconds."""
    one, form = await whose_form(request, Section.ACCESS)
    partners = shell_of(request).partners
    try:
        shown = await shown_once(
            request, one, form, "kafka",
            make=lambda: partners.access.new_kafka_password(one.member, one.code),
        )  # fmt: skip
    except (Conflict, Refused):
        return told(f"{one.base}/acces", "change")
    return draw(request, one, "partner_secret.html", what="kafka_password", subject=shown.client_id,
                secret=shown.client_secret, label="access.kafka_password", back=f"{one.base}/acces")  # fmt: skip


router = under_every_prefix(_routes)
