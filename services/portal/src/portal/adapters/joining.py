"""Asking to join, over HTTP: the form with the portal's own access, all else with the link that was mailed.

The link goes in the header Maillage-Join and nowhere else: addresses, spans and errors hold none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
from pydantic import Field

from portal.adapters.access import Access
from portal.adapters.answers import Answer, read_as
from portal.adapters.appointments import LINK
from portal.adapters.calls import TIMEOUT, Route, call, json_object
from portal.domain.errors import AccessLost, Gone, LinkExpired, LinkUnknown, NotFound
from portal.domain.joining import JoinState, KafkaAccess, ProgramAccess, TestEvent

JOIN_HEADER = "Maillage-Join"
VISITOR_HEADER = "Maillage-Visitor"
"""Says, without saying who, which visitor asks: the service counts requests by it, since all come from the portal."""

OVER = ("expired", "link_expired")


class _Kafka(Answer):
    bootstrap: str
    topic: str
    username: str
    password: str = ""
    security_protocol: str = "SASL_SSL"
    certificate_authority: str = ""

    def access(self) -> KafkaAccess:
        return KafkaAccess(
            self.bootstrap, self.topic, self.username, self.password, self.security_protocol,
            self.certificate_authority,
        )  # fmt: skip


class _Access(Answer):
    client_id: str
    organisation_code: str = ""
    token_url: str
    feed_url: str
    scopes: list[str] = Field(default_factory=list)
    client_secret: str = ""
    kafka: _Kafka | None = None

    def access(self, code: str = "") -> ProgramAccess:
        return ProgramAccess(
            self.client_id, self.organisation_code or code, self.token_url, self.feed_url, tuple(self.scopes),
            self.client_secret, self.kafka.access() if self.kafka else None,
        )  # fmt: skip


class _Test(Answer):
    event_id: str
    type: str = ""
    sequence: str | int | None = None
    referral_id: str | None = None
    at: datetime | None = None


class _Organisation(Answer):
    code: str | None = None
    name: str
    kind: str


class _State(Answer):
    state: str
    organisation: _Organisation
    sandbox: bool = False
    refusal_reason: str | None = None
    credentials_available: bool = False
    access: _Access | None = None
    test_events: list[_Test] = Field(default_factory=list)
    link_until: datetime | None = None

    def join_state(self) -> JoinState:
        code = self.organisation.code or ""
        events = (
            TestEvent(one.event_id, one.type, str(one.sequence or ""), one.referral_id or "", one.at)
            for one in self.test_events
        )
        return JoinState(
            self.state, self.organisation.name, self.organisation.kind, code, self.sandbox, self.refusal_reason or "",
            self.credentials_available, self.access.access(code) if self.access else None, tuple(events),
            self.link_until,
        )  # fmt: skip


class JoinLinks:
    """Implements JoinDesk."""

    def __init__(self, client: httpx.AsyncClient, access: Access, partners_url: str) -> None:
        self._client = client
        self._access = access
        self._url = partners_url.rstrip("/")

    async def ask(self, body: Mapping[str, object], *, key: str, visitor: str) -> None:
        route = Route("partners", "POST", self._url, "/join-requests")
        headers = {"Idempotency-Key": key, VISITOR_HEADER: visitor}
        await self._access.call(route, None, json=dict(body), headers=headers)

    async def read(self, token: str) -> JoinState:
        return read_as(_State, await self._ask(token, "GET", "/join-request"), "partners").join_state()

    async def confirm(self, token: str) -> None:
        await self._ask(token, "POST", "/join-request/confirmation")

    async def credentials(self, token: str) -> ProgramAccess:
        answer = await self._ask(token, "POST", "/join-request/credentials")
        return read_as(_Access, answer, "partners").access()

    async def test_event(self, token: str) -> str:
        return read_as(_Test, await self._ask(token, "POST", "/join-request/test-event"), "partners").event_id

    async def _ask(self, token: str, method: str, path: str) -> dict[str, Any]:
        if not LINK.match(token):
            raise LinkUnknown
        route = Route("partners", method, self._url, path)
        try:
            response = await call(self._client, route, timeout=TIMEOUT, headers={JOIN_HEADER: token})
        except Gone as gone:
            if gone.code in OVER:
                raise LinkExpired from None
            raise
        except (NotFound, AccessLost):
            raise LinkUnknown from None
        return json_object(response, "partners") if response.content else {}
