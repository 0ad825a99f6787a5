"""A referrals service on a real PostgreSQL, with associations, councils and employment services in its directory."""

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
from chassis.records import Source
from chassis.runtime import Runtime
from chassis.testing.tokens import Issuer
from chassis.timers import fire_due
from maillage_contracts import (
    Event,
    OrganisationRegistered,
    PersonIdentified,
    Routing,
    Territory,
    decode,
    encode,
    envelope_for,
    topic_for,
)
from referrals.adapters.subscribers import subscriptions
from referrals.adapters.terms import timers
from referrals.main import create_app
from referrals.settings import ReferralsSettings

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ASSOCIATION, OTHER_ASSOCIATION = UUID(int=0xA1), UUID(int=0xA2)
COUNCIL, OTHER_COUNCIL = UUID(int=0xC1), UUID(int=0xC2)
EMPLOYMENT, OTHER_EMPLOYMENT, DISTANT_EMPLOYMENT = UUID(int=0xF1), UUID(int=0xF2), UUID(int=0xF3)
SERVICE = UUID(int=0xE1)
SUBJECT = UUID(int=0x51)
SCOPES = {
    "association": "referrals:write referrals:read feed:read",
    "council": "referrals:answer referrals:read accompaniments:act feed:read",
    "employment_service": "accompaniments:act feed:read",
    "service": "claims:read",
}

ORGANISATIONS = (
    (ASSOCIATION, "asso1", "Association exemple", "association", ()),
    (OTHER_ASSOCIATION, "asso2", "Autre association exemple", "association", ()),
    (COUNCIL, "cd93", "Département exemple", "council", ("93D",)),
    (OTHER_COUNCIL, "metrolyon", "Métropole exemple", "council", ("69M",)),
    (EMPLOYMENT, "ft93", "Agence exemple", "employment_service", ("93D",)),
    # Named by the number of its département.
    (OTHER_EMPLOYMENT, "mission93", "Mission exemple", "employment_service", ("93",)),
    (DISTANT_EMPLOYMENT, "ftlyon", "Agence lointaine", "employment_service", ("69M",)),
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
        return self.consumer_of("registration-person-v1")

    def consumer_of(self, topic: str) -> Processor:
        subscription = next(one for one in subscriptions() if one.topic == topic)
        return Processor("referrals", subscription, self.db, self.clock, self.runtime.doorbell)

    async def hear(self, event: Event, *, event_id: UUID | None = None) -> None:
        """Let the service read an event that happens now."""
        topic = topic_for(event).name
        envelope = envelope_for(
            event, id=event_id or uuid4(), source="/elsewhere", time=self.clock.now(), correlation_id=UUID(int=0xCC)
        )
        record = encode(event, envelope)
        source = Source(topic, 0, 0, record.key, list(record.headers), record.value)
        await self.consumer_of(topic).process([source])
        assert await self.rows("SELECT cause FROM dead_letters") == []

    async def accepted(self, *, identified: bool = True, **changes: Any) -> str:
        """Return the id of a referral that the council accepted, and whose person registration knows."""
        referral_id = await self.submitted(**changes)
        for command in ("receipt", "review", "acceptance"):
            assert (await self.command(referral_id, command)).status_code == 200
        if identified:
            await self.identify(referral_id)
        return referral_id

    async def identify(self, referral_id: str) -> None:
        """Let the service hear from registration whose referral it is."""
        await self.hear(identification(referral_id, self.clock.now()))


@dataclass
class Pair:
    """A council and an employment service around one accompaniment."""

    desk: Desk
    referral_id: str
    accompaniment_id: str

    async def ask(self, method: str, path: str = "", by: UUID = COUNCIL, body: Any = None, **headers: str) -> Any:
        url = f"/accompaniments/{self.accompaniment_id}{path}"
        return await self.desk.http.request(method, url, json=body, headers={**self.desk.bearer(by), **headers})

    async def do(self, command: str, by: UUID = COUNCIL, body: Any = None, status: int = 200) -> Any:
        """Give a command; return what was answered."""
        answer = await self.ask("POST", f"/{command}", by, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def put(self, part: str, by: UUID = COUNCIL, status: int = 200, **body: Any) -> Any:
        answer = await self.ask("PUT", f"/{part}", by, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def read(self, by: UUID = COUNCIL, status: int = 200) -> Any:
        answer = await self.ask("GET", by=by)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def activate(self) -> Any:
        await self.do("acceptance", COUNCIL)
        return await self.do("acceptance", EMPLOYMENT)

    async def told(self) -> list[Event]:
        """Return the events of the accompaniment, in their order."""
        id_ = UUID(self.accompaniment_id)
        return [one for one in await self.desk.events() if getattr(one, "accompaniment_id", None) == id_]


@pytest.fixture(name="propose")
def propose_fixture() -> Callable[..., Awaitable[httpx.Response]]:
    """The request that proposes an accompaniment: `await propose(desk, referral_id)`."""
    return propose


@pytest.fixture(name="identify")
def identify_fixture() -> Callable[..., PersonIdentified]:
    """What registration says of a referral's person: `identify(referral_id, at)`."""
    return identification


@pytest.fixture
async def pair(desk: Desk) -> Pair:
    """An accompaniment that was just proposed."""
    referral_id = await desk.accepted()
    answer = await propose(desk, referral_id)
    assert answer.status_code == 201, answer.text
    return Pair(desk, referral_id, answer.json()["accompaniment_id"])


async def propose(
    desk: Desk, referral_id: str, *, by: UUID = COUNCIL, code: str = "ft93", key: str | None = None
) -> httpx.Response:
    headers = {**desk.bearer(by), "idempotency-key": key or str(uuid4())}
    url = f"/referrals/{referral_id}/accompaniment"
    return await desk.http.post(url, json={"employment_service": code}, headers=headers)


def routing(**others: UUID) -> Routing:
    return Routing(
        commune="93048", referrer_organisation_id=ASSOCIATION, receiver_organisation_id=COUNCIL,
        sender_kind="association",
        employment_organisation_id=others.get("employment"), training_organisation_id=others.get("training"),
    )  # fmt: skip


def identification(referral_id: str, at: datetime) -> PersonIdentified:
    return PersonIdentified(
        subject_ref=SUBJECT, aggregate_version=1, referral_id=UUID(referral_id), outcome="matched", identified_at=at,
        routing=routing(),
    )  # fmt: skip


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


def registered(id_: UUID, code: str, name: str, kind: str, places: tuple[str, ...]) -> OrganisationRegistered:
    departements = tuple(place for place in places if len(place) == 2)
    collectivities = tuple(place for place in places if len(place) == 3)
    return OrganisationRegistered(
        organisation_id=id_,
        aggregate_version=1,
        code=code,
        name=name,
        kind=kind,
        phone="+33 1 99 00 00 00",
        postal_address="1 rue de l’Exemple\n93000 Exemple",
        territory=Territory(communes=(), epcis=(), departements=departements, collectivities=collectivities),
        changed_at=START,
    )
