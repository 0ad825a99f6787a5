"""Routes of webhooks: an organisation manages its own, operators those of anybody."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from chassis.admission import step_aside
from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.ids import new_id
from chassis.problems import Problem, Said
from chassis.runtime import Runtime
from partners.adapters.http.feed_types import listed_types
from partners.adapters.http.owner import Owner, Parts, for_owners, owner_by
from partners.adapters.http.refusals import refusals
from partners.adapters.http.webhook_documents import (
    RedeliveryBody,
    RotationBody,
    WebhookBody,
    attempt_document,
    webhook_document,
)
from partners.adapters.postgres.webhooks import PostgresWebhooks
from partners.adapters.webhooks.messages import CHALLENGE, TEST, of_webhook
from partners.adapters.webhooks.sender import challenge_answered
from partners.app import manage_webhooks as manage
from partners.app.webhook_ports import Attempt, Sender
from partners.domain.errors import ChallengeFailed
from partners.domain.webhook import Answer, State, Webhook

SCOPE: Final = "webhooks:manage"
LIMIT_MAX: Final = 500
LOG_END: Final = 2**63 - 1
FIRST: Final = UUID(int=0)
"""Before every id."""

SENT_BY_HAND: Final = (10, 60.0)
"""Challenges and tests of one webhook: so many in so many seconds, so that nobody aims us at somebody."""

WebhookId = Annotated[UUID, Path()]


Whose = Annotated[Owner, owner_by(SCOPE)]


class Desk:
    """What the routes share."""

    def __init__(self, vault: Vault, sender: Sender, revised: Callable[[], None], *, loopback: bool) -> None:
        self.vault = vault
        self.sender = sender
        self.revised = revised
        self.loopback = loopback
        self._sent: dict[UUID, deque[float]] = {}

    @asynccontextmanager
    async def command(self, runtime: Runtime) -> AsyncIterator[PostgresWebhooks]:
        """Open the transaction of a command; whoever delivers looks again after it."""
        async with refusals(), runtime.transaction() as tx:
            yield PostgresWebhooks(tx, self.vault)
            self.revised()
        self.revised()

    async def note(
        self, webhooks: PostgresWebhooks, runtime: Runtime, owner: Owner, webhook_id: UUID, what: str
    ) -> None:
        """Write who did what into the audit, last in the transaction."""
        await owner.note(webhooks.tx, runtime, "webhook", webhook_id, what)

    async def document(self, webhooks: PostgresWebhooks, runtime: Runtime, webhook: Webhook) -> dict[str, Any]:
        """Return the webhook as the API shows it."""
        live = await webhooks.secrets(webhook.webhook_id, runtime.clock.now())
        return webhook_document(webhook, live, await webhooks.waiting([webhook.webhook_id]))

    async def send(
        self, runtime: Runtime, owner: Owner, webhook_id: UUID, ce_type: str, data: dict[str, str]
    ) -> tuple[Webhook, Attempt, bytes]:
        """Send something that is no event of the stream, and log it; holds no connection meanwhile."""
        self._spare(webhook_id)
        async with refusals(), runtime.db.connection() as tx:
            webhooks = PostgresWebhooks(tx, self.vault)
            webhook = await manage.found(webhooks, owner.organisation_id, webhook_id, lock=False)
            signing = await webhooks.signing(webhook_id, runtime.clock.now())
        event_id, at = new_id(), runtime.clock.now()
        message = of_webhook(ce_type, event_id, webhook_id, owner.code, data, at)
        answer, body = await self.sender.post(webhook.url, signing, message)
        kind = "challenge" if ce_type == CHALLENGE else "test"
        if kind == "challenge" and answer.delivered and not challenge_answered(body, data["challenge"]):
            answer = Answer("challenge", answer.status, answer.took_ms, answer.text)
        return webhook, Attempt(webhook_id, event_id, ce_type, None, kind, 1, at, answer), body

    def _spare(self, webhook_id: UUID) -> None:
        many, seconds = SENT_BY_HAND
        now = time.monotonic()
        sent = self._sent.setdefault(webhook_id, deque(maxlen=many))
        if len(sent) == many and sent[0] > now - seconds:
            wait = str(max(1, round(sent[0] + seconds - now)))
            raise Problem(
                429,
                "too_many_requests",
                Said("Trop d’essais ; réessayez dans une minute.", "Too many tries; come back later."),
                headers={"retry-after": wait},
            )
        sent.append(now)
        if len(self._sent) > 10_000:
            self._sent.pop(next(iter(self._sent)))


def webhook_routes(vault: Vault, sender: Sender, revised: Callable[[], None], *, loopback: bool) -> APIRouter:
    """Return the routes, under `/webhooks` and under `/organisations/{code}/webhooks`."""
    desk = Desk(vault, sender, revised, loopback=loopback)
    router = for_owners(_settings(desk), _acts(desk), _sending(desk))

    @router.get("/operations/webhooks")
    async def every(
        _: Annotated[Caller, require("operations")],
        runtime: Parts,
        state: State | None = None,
        after: UUID = FIRST,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
    ) -> dict[str, Any]:
        """List the webhooks of every organisation, such as those that were disabled."""
        async with runtime.db.connection() as tx:
            rows = await PostgresWebhooks(tx, vault).every(None if state is None else state.value, after, limit)
        following = rows[-1]["webhook_id"] if len(rows) == limit else None
        return {"items": rows, "after": following}

    return router


def _settings(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.post("/webhooks", status_code=201)
    async def create(body: WebhookBody, runtime: Parts, response: Response, owner: Whose) -> dict[str, Any]:
        """Add a webhook; its secret is in this answer and nowhere else."""
        response.headers["cache-control"] = "no-store"
        async with desk.command(runtime) as webhooks:
            webhook, secret = await manage.create_webhook(
                webhooks, owner.organisation_id, body.url, listed_types(body.event_types), body.start(),
                runtime.clock.now(), loopback=desk.loopback,
            )  # fmt: skip
            document = await desk.document(webhooks, runtime, webhook)
            await desk.note(webhooks, runtime, owner, webhook.webhook_id, "created")
        return {**document, "secret": secret}

    @router.get("/webhooks")
    async def list_all(runtime: Parts, owner: Whose) -> dict[str, Any]:
        """List the organisation's webhooks, oldest first."""
        async with runtime.db.connection() as tx:
            webhooks = PostgresWebhooks(tx, desk.vault)
            every = await webhooks.all_of(owner.organisation_id)
            return {"items": [await desk.document(webhooks, runtime, webhook) for webhook in every]}

    @router.get("/webhooks/{webhook_id}")
    async def show(webhook_id: WebhookId, runtime: Parts, owner: Whose) -> dict[str, Any]:
        """Show one webhook."""
        async with refusals(), runtime.db.connection() as tx:
            webhooks = PostgresWebhooks(tx, desk.vault)
            webhook = await manage.found(webhooks, owner.organisation_id, webhook_id, lock=False)
            return await desk.document(webhooks, runtime, webhook)

    @router.delete("/webhooks/{webhook_id}", status_code=204)
    async def delete(webhook_id: WebhookId, runtime: Parts, owner: Whose) -> None:
        """Remove a webhook with its secrets and its log."""
        async with desk.command(runtime) as webhooks:
            await manage.found(webhooks, owner.organisation_id, webhook_id)
            await webhooks.delete(webhook_id)
            await desk.note(webhooks, runtime, owner, webhook_id, "deleted")

    @router.get("/webhooks/{webhook_id}/deliveries")
    async def deliveries(
        webhook_id: WebhookId,
        runtime: Parts,
        owner: Whose,
        outcome: Literal["delivered", "failed"] | None = None,
        event_id: UUID | None = None,
        before: Annotated[int, Query(ge=1, le=LOG_END)] = LOG_END,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
    ) -> dict[str, Any]:
        """Show the delivery log, newest first; `before` continues where a page ended."""
        async with refusals(), runtime.db.connection() as tx:
            webhooks = PostgresWebhooks(tx, desk.vault)
            await manage.found(webhooks, owner.organisation_id, webhook_id, lock=False)
            rows = await webhooks.log_page(webhook_id, before, outcome, event_id, limit)
        following = rows[-1]["attempt_id"] if len(rows) == limit else None
        return {"items": [attempt_document(row) for row in rows], "before": following}

    return router


def _acts(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.post("/webhooks/{webhook_id}/pause")
    async def pause(webhook_id: WebhookId, runtime: Parts, owner: Whose) -> dict[str, Any]:
        """Stop delivering; nothing is lost."""
        async with desk.command(runtime) as webhooks:
            webhook = await manage.found(webhooks, owner.organisation_id, webhook_id)
            webhook = await manage.pause(webhooks, webhook, runtime.clock.now())
            document = await desk.document(webhooks, runtime, webhook)
            await desk.note(webhooks, runtime, owner, webhook_id, "paused")
        return document

    @router.post("/webhooks/{webhook_id}/secrets", status_code=201)
    async def rotate(
        webhook_id: WebhookId,
        runtime: Parts,
        response: Response,
        owner: Whose,
        body: RotationBody | None = None,
    ) -> dict[str, Any]:
        """Add a secret, shown here only; the others sign for a while longer."""
        response.headers["cache-control"] = "no-store"
        overlap = timedelta(hours=(body or RotationBody()).overlap_hours)
        async with desk.command(runtime) as webhooks:
            webhook = await manage.found(webhooks, owner.organisation_id, webhook_id)
            secret_id, secret = await manage.rotate_secret(webhooks, webhook, overlap, runtime.clock.now())
            await desk.note(webhooks, runtime, owner, webhook_id, "rotated")
        return {"secret_id": str(secret_id), "secret": secret}

    @router.post("/webhooks/{webhook_id}/redelivery", status_code=202)
    async def redeliver(webhook_id: WebhookId, body: RedeliveryBody, runtime: Parts, owner: Whose) -> dict[str, Any]:
        """Send one event again, or a range of them."""
        at = runtime.clock.now()
        async with desk.command(runtime) as webhooks:
            webhook = await manage.found(webhooks, owner.organisation_id, webhook_id)
            if body.event_id is not None:
                await manage.redeliver_event(webhooks, webhook, body.event_id, at)
            else:
                start = manage.Start(body.after, body.since)
                webhook = await manage.redeliver_range(webhooks, webhook, start, body.until, at)
            document = await desk.document(webhooks, runtime, webhook)
            await desk.note(webhooks, runtime, owner, webhook_id, "redelivered")
        return document

    return router


def _sending(desk: Desk) -> APIRouter:
    router = APIRouter()

    async def verify(request: Request, runtime: Runtime, owner: Owner, webhook_id: UUID) -> dict[str, Any]:
        step_aside(request)
        challenge = secrets.token_urlsafe(32)
        _, attempt, _ = await desk.send(runtime, owner, webhook_id, CHALLENGE, {"challenge": challenge})
        async with desk.command(runtime) as webhooks:
            webhook = await manage.found(webhooks, owner.organisation_id, webhook_id)
            await webhooks.log([attempt])
            if attempt.answer.delivered and webhook.state is not State.ACTIVE:
                webhook = await manage.activate(webhooks, webhook, runtime.clock.now())
            document = await desk.document(webhooks, runtime, webhook)
            await desk.note(webhooks, runtime, owner, webhook_id, "verified")
        if not attempt.answer.delivered:
            async with refusals():
                raise ChallengeFailed(attempt.answer.outcome, attempt.answer.status)
        return document

    @router.post("/webhooks/{webhook_id}/verification")
    async def verification(request: Request, webhook_id: WebhookId, runtime: Parts, owner: Whose) -> dict[str, Any]:
        """Challenge the address; once it gives the challenge back, delivery begins."""
        return await verify(request, runtime, owner, webhook_id)

    @router.post("/webhooks/{webhook_id}/resume")
    async def resume(request: Request, webhook_id: WebhookId, runtime: Parts, owner: Whose) -> dict[str, Any]:
        """Go on where delivery stopped; an address that was disabled is challenged first."""
        async with desk.command(runtime) as webhooks:
            webhook = await manage.found(webhooks, owner.organisation_id, webhook_id)
            if webhook.state is State.PAUSED:
                webhook = await manage.activate(webhooks, webhook, runtime.clock.now())
                await desk.note(webhooks, runtime, owner, webhook_id, "resumed")
            if webhook.state is State.ACTIVE:
                return await desk.document(webhooks, runtime, webhook)
        return await verify(request, runtime, owner, webhook_id)

    @router.post("/webhooks/{webhook_id}/test")
    async def test(request: Request, webhook_id: WebhookId, runtime: Parts, owner: Whose) -> dict[str, Any]:
        """Send a signed event that concerns nobody, and say what came of it."""
        step_aside(request)
        _, attempt, _ = await desk.send(runtime, owner, webhook_id, TEST, {"webhook_id": str(webhook_id)})
        async with desk.command(runtime) as webhooks:
            await manage.found(webhooks, owner.organisation_id, webhook_id)
            await webhooks.log([attempt])
            await desk.note(webhooks, runtime, owner, webhook_id, "tested")
        answer = attempt.answer
        return {
            "event_id": str(attempt.event_id),
            "outcome": answer.outcome,
            "status": answer.status,
            "took_ms": answer.took_ms,
            "answer": answer.text,
        }

    return router
