"""A registration service on a real PostgreSQL, and a referrals service that answers, lags or is away as told."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from chassis.clock import MovableClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.records import Source
from chassis.runtime import Runtime
from chassis.service_client import ServiceClient
from chassis.service_tokens import ServiceTokens
from chassis.testing.events import source_of_event, submitted
from chassis.testing.tokens import Issuer
from maillage_contracts import Decoded, decode
from registration.adapters.subscribers import subscriptions
from registration.main import create_app
from registration.settings import RegistrationSettings

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SERVICE = UUID(int=0xE1)


@dataclass
class Referrals:
    """What the referrals service would answer; `away` and `refuses` say how it fails."""

    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    away: bool = False
    refuses: bool = False
    questions: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "made-up", "expires_in": 300})
        self.questions.append(request)
        if self.away:
            raise httpx.ConnectError("refused")
        if self.refuses:
            return httpx.Response(403)
        asked = request.url.params.get_list("id")
        return httpx.Response(200, json={"items": [self.claims[id_] for id_ in asked if id_ in self.claims]})


@dataclass
class Desk:
    """The service, those who call it, and what it reads."""

    http: httpx.AsyncClient
    runtime: Runtime
    issuer: Issuer
    db: Database
    referrals: Referrals
    processor: Processor
    client: ServiceClient

    def submitted(self, person: dict[str, Any] | None = None, **claim: Any) -> Source:
        """Return the record of a new referral, of which the referrals service knows this person."""
        event = submitted()
        self.referrals.claims[str(event.referral_id)] = {
            "referral_id": str(event.referral_id), "version": 1, "status": "submitted", "gone": False,
            "person": described() if person is None else person,
        } | claim  # fmt: skip
        return source_of_event(event)

    def bearer(self, kind: str = "service", scope: str = "claims:read") -> dict[str, str]:
        return self.issuer.bearer(SERVICE, code="training", kind=kind, scope=scope)

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        async with self.db.connection() as connection:
            return list(await connection.fetch(statement, *values))

    async def told(self) -> list[Decoded]:
        """Return what waits for the relay, in its order, as a reader would decode it."""
        rows = await self.rows("SELECT headers, payload FROM outbox ORDER BY position")
        return [decode(json.loads(row["headers"]), row["payload"]) for row in rows]


def described(**changes: Any) -> dict[str, Any]:
    return {
        "first_name": "Camille", "last_name": "Exemple", "birth_date": "1987-04-09",
        "phone": "06 39 98 00 00", "email": "camille@exemple.test", "address": None,
    } | changes  # fmt: skip


@pytest.fixture
async def desk(database: Callable[[str | None], Awaitable[str]], tmp_path: Path) -> AsyncIterator[Desk]:
    dsn = await database("registration")
    (tmp_path / "master-key").write_bytes(base64.b64encode(bytes(range(32))))
    (tmp_path / "secret").write_text("made-up")
    clock = MovableClock(START)
    settings = RegistrationSettings(
        stack="test", http_port=0, database_dsn=SecretStr(dsn), master_key_file=tmp_path / "master-key",
        client_secret_file=tmp_path / "secret", token_issuer="test", referrals_url="http://referrals.test",
    )  # fmt: skip
    app = create_app(settings, clock)
    issuer = Issuer(clock)
    issuer.trusted_by(app)
    runtime: Runtime = app.state.runtime
    referrals = Referrals()
    upstream = httpx.AsyncClient(transport=httpx.MockTransport(referrals))
    tokens = ServiceTokens("http://referrals.test/oauth/token", "registration", "made-up", clock, http=upstream)
    client = ServiceClient("http://referrals.test", tokens, http=upstream)
    db = Database(dsn, size=8, application="test")
    subscription = subscriptions(client, runtime.vault(), clock)[0]
    processor = Processor("registration", subscription, db, clock, runtime.doorbell)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://registration.test") as http:
        yield Desk(http, runtime, issuer, db, referrals, processor, client)
    await upstream.aclose()
    for opened in (db, runtime.db, runtime.background_db):
        await opened.close()
    await runtime.tokens.close()
