"""A referrals service on a real PostgreSQL, with two associations and two councils known to its directory."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from chassis.clock import MovableClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.directory import apply_organisations
from chassis.runtime import Runtime
from chassis.testing.tokens import Issuer
from chassis.timers import fire_due
from maillage_contracts import Event, OrganisationRegistered, Territory, decode
from referrals.adapters.subscribers import subscriptions
from referrals.adapters.terms import timers
from referrals.main import create_app
from referrals.settings import ReferralsSettings

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ASSOCIATION, OTHER_ASSOCIATION = UUID(int=0xA1), UUID(int=0xA2)
COUNCIL, OTHER_COUNCIL = UUID(int=0xC1), UUID(int=0xC2)
SERVICE = UUID(int=0xE1)
SCOPES = {
    "association": "referrals:write referrals:read feed:read",
    "council": "referrals:answer referrals:read feed:read",
    "service": "claims:read",
}

ORGANISATIONS = (
    (ASSOCIATION, "asso1", "Association exemple", "association", ()),
    (OTHER_ASSOCIATION, "asso2", "Autre association exemple", "association", ()),
    (COUNCIL, "cd93", "Département exemple", "council", ("93D",)),
    (OTHER_COUNCIL, "metrolyon", "Métropole exemple", "council", ("69M",)),
)


@dataclass
class Desk:
    """The service, and those who call it."""

    http: httpx.AsyncClient
    runtime: Runtime
    issuer: Issuer
    clock: MovableClock
    db: Database

    def bearer(self, organisation: UUID, **claims: Any) -> dict[str, str]:
        if organisation == SERVICE:
            return self.issuer.bearer(SERVICE, code="registration", kind="service", scope="claims:read", **claims)
        code, kind = next((row[1], row[3]) for row in ORGANISATIONS if row[0] == organisation)
        return self.issuer.bearer(organisation, **{"code": code, "kind": kind, "scope": SCOPES[kind], **claims})

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return a good submission; `person` changes are merged into the person."""
        person = {
            "first_name": "Camille", "last_name": "Exemple", "birth_date": "1987-04-09",
            "phone": "06 39 98 00 00", "email": "camille@exemple.test", "address": "1 rue de l’Exemple",
        } | changes.pop("person", {})  # fmt: skip
        return {
            "commune": "93048", "person": person, "themes": ["numerique--acceder-a-une-connexion-internet"],
            "note": "Préfère le matin.", "person_informed": True,
        } | changes  # fmt: skip

    async def submit(
        self, body: Mapping[str, Any] | None = None, *, by: UUID = ASSOCIATION, key: str | None = None
    ) -> httpx.Response:
        headers = {**self.bearer(by), "idempotency-key": key or str(uuid4()), "content-type": "application/json"}
        # Escaped, as httpx would not: anything can be sent.
        content = json.dumps(self.body() if body is None else body)
        return await self.http.post("/referrals", content=content, headers=headers)

    async def submitted(self, **changes: Any) -> str:
        """Submit and return the referral's id."""
        answer = await self.submit(self.body(**changes))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["referral_id"])

    async def command(
        self, referral_id: str, command: str, by: UUID = COUNCIL, body: Any = None, key: str | None = None
    ) -> httpx.Response:
        headers = {**self.bearer(by), **({"idempotency-key": key} if key else {})}
        return await self.http.post(f"/referrals/{referral_id}/{command}", json=body, headers=headers)

    async def read(self, referral_id: str, by: UUID = ASSOCIATION) -> httpx.Response:
        return await self.http.get(f"/referrals/{referral_id}", headers=self.bearer(by))

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        async with self.db.connection() as connection:
            return list(await connection.fetch(statement, *values))

    async def events(self) -> list[Event]:
        """Return what waits for the relay, in its order, decoded as a reader would."""
        return [decoded.event for decoded in await self.outbox()]

    async def outbox(self) -> list[Any]:
        rows = await self.rows("SELECT headers, payload FROM outbox ORDER BY position")
        return [decode(json.loads(row["headers"]), row["payload"]) for row in rows]

    async def time_passes(self) -> None:
        """Fire the timers that are due by the clock."""
        await fire_due(self.runtime.background_db, timers(self.runtime.vault()), self.clock.now())

    def persons(self) -> Processor:
        """Return the consumer of registration's topic."""
        return Processor("referrals", subscriptions()[0], self.db, self.clock, self.runtime.doorbell)


@pytest.fixture
async def desk(database: Callable[[str | None], Awaitable[str]], tmp_path: Path) -> AsyncIterator[Desk]:
    dsn = await database("referrals")
    master_key = tmp_path / "master-key"
    master_key.write_bytes(base64.b64encode(bytes(range(32))))
    clock = MovableClock(START)
    settings = ReferralsSettings(
        stack="test", http_port=0, database_dsn=SecretStr(dsn), master_key_file=master_key, token_issuer="test"
    )
    app = create_app(settings, clock)
    issuer = Issuer(clock)
    issuer.trusted_by(app)
    runtime: Runtime = app.state.runtime
    async with runtime.db.transaction() as tx:
        await apply_organisations(tx, [registered(*row) for row in ORGANISATIONS])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    db = Database(dsn, size=2, application="test")
    async with httpx.AsyncClient(transport=transport, base_url="http://referrals.test") as http:
        yield Desk(http, runtime, issuer, clock, db)
    for opened in (db, runtime.db, runtime.background_db):
        await opened.close()
    await runtime.tokens.close()


def registered(id_: UUID, code: str, name: str, kind: str, collectivities: tuple[str, ...]) -> OrganisationRegistered:
    return OrganisationRegistered(
        organisation_id=id_,
        aggregate_version=1,
        code=code,
        name=name,
        kind=kind,
        phone="+33 1 99 00 00 00",
        postal_address="1 rue de l’Exemple\n93000 Exemple",
        territory=Territory(communes=(), epcis=(), departements=(), collectivities=collectivities),
        changed_at=START,
    )
