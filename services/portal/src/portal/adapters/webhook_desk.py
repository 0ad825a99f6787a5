"""An organisation's webhooks over HTTP, with its manager's own access or an operator's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
from pydantic import Field

from portal.adapters.answers import Answer, read_as
from portal.adapters.calls import json_object
from portal.adapters.partner_desk import SERVICE, OwnRoutes, SecretAnswer
from portal.domain.member import Member
from portal.domain.partner import Delivery, Tried, Webhook

LOG_LINES = 50
WAIT = httpx.Timeout(15.0, connect=2.0)
"""A challenge or a test waits for the receiver, which has ten seconds."""


class _Webhook(Answer):
    webhook_id: str
    url: str
    event_types: list[str] | None = None
    state: str
    reason: str | None = None
    waiting: int = 0
    waiting_since: datetime | None = None
    redelivery: dict[str, Any] | None = None
    failures_in_a_row: int = 0
    last_success_at: datetime | None = None
    secrets: list[SecretAnswer] = Field(default_factory=list)
    created_at: datetime | None = None

    def webhook(self) -> Webhook:
        return Webhook(
            self.webhook_id, self.url, tuple(self.event_types or ()), self.state, self.reason or "", self.waiting,
            self.waiting_since, self.failures_in_a_row, self.last_success_at,
            tuple(one.secret() for one in self.secrets), self.redelivery is not None, self.created_at,
        )  # fmt: skip


class _Webhooks(Answer):
    items: list[_Webhook]


class _Secret(Answer):
    secret: str = Field(min_length=1)


class _Tried(Answer):
    outcome: str
    status: int | None = None
    took_ms: int = 0


class _Delivery(Answer):
    event_id: str
    type: str
    kind: str = ""
    attempt: int = 1
    at: datetime
    took_ms: int = 0
    outcome: str
    status: int | None = None
    answer: str | None = None
    next_attempt_at: datetime | None = None

    def delivery(self) -> Delivery:
        return Delivery(
            self.event_id, self.type, self.kind, self.attempt, self.at, self.took_ms, self.outcome, self.status,
            self.answer or "", self.next_attempt_at,
        )  # fmt: skip


class _Log(Answer):
    items: list[_Delivery]
    before: int | None = None


class WebhookService:
    """Implements WebhookDesk."""

    def __init__(self, routes: OwnRoutes) -> None:
        self._routes = routes

    async def webhooks(self, member: Member, code: str) -> Sequence[Webhook]:
        found = read_as(_Webhooks, await self._routes.read(member, code, "/webhooks"), SERVICE)
        return [one.webhook() for one in found.items]

    async def webhook(self, member: Member, code: str, webhook_id: str) -> Webhook:
        answer = await self._routes.read(member, code, "/webhooks/{}", webhook_id)
        return read_as(_Webhook, answer, SERVICE).webhook()

    async def add(self, member: Member, code: str, url: str, types: Sequence[str]) -> tuple[Webhook, str]:
        body: dict[str, object] = {"url": url} | ({"event_types": list(types)} if types else {})
        answer = json_object(await self._routes.call(member, "POST", code, "/webhooks", json=body), SERVICE)
        return read_as(_Webhook, answer, SERVICE).webhook(), read_as(_Secret, answer, SERVICE).secret

    async def act(self, member: Member, code: str, webhook_id: str, act: str) -> None:
        await self._routes.call(member, "POST", code, f"/webhooks/{{}}/{act}", webhook_id, timeout=WAIT)

    async def test(self, member: Member, code: str, webhook_id: str) -> Tried:
        response = await self._routes.call(member, "POST", code, "/webhooks/{}/test", webhook_id, timeout=WAIT)
        tried = read_as(_Tried, json_object(response, SERVICE), SERVICE)
        return Tried(tried.outcome, tried.status, tried.took_ms)

    async def new_secret(self, member: Member, code: str, webhook_id: str, overlap_hours: int) -> str:
        body = {"overlap_hours": overlap_hours}
        response = await self._routes.call(member, "POST", code, "/webhooks/{}/secrets", webhook_id, json=body)
        return read_as(_Secret, json_object(response, SERVICE), SERVICE).secret

    async def redeliver(self, member: Member, code: str, webhook_id: str, what: Mapping[str, str]) -> None:
        await self._routes.call(member, "POST", code, "/webhooks/{}/redelivery", webhook_id, json=dict(what))

    async def delete(self, member: Member, code: str, webhook_id: str) -> None:
        await self._routes.call(member, "DELETE", code, "/webhooks/{}", webhook_id)

    async def deliveries(
        self, member: Member, code: str, webhook_id: str, *, outcome: str, before: str
    ) -> tuple[Sequence[Delivery], str]:
        params: dict[str, str | int] = {"limit": LOG_LINES}
        params |= {"outcome": outcome} if outcome else {}
        params |= {"before": before} if before else {}
        answer = await self._routes.read(member, code, "/webhooks/{}/deliveries", webhook_id, params=params)
        log = read_as(_Log, answer, SERVICE)
        return [one.delivery() for one in log.items], str(log.before or "")
