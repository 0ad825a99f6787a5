"""A registration service on a real PostgreSQL, and a referrals service that answers, lags or is away as told."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from chassis.clock import MovableClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.directory import apply_organisations
from chassis.ids import new_id
from chassis.records import Source
from chassis.runtime import Runtime
from chassis.service_client import ServiceClient
from chassis.service_tokens import ServiceTokens
from chassis.testing.events import ASSOCIATION, COUNCIL, routing, source_of_event, submitted
from chassis.testing.tokens import Issuer
from maillage_contracts import (
    AccompanimentActivated,
    AccompanimentEnded,
    AccompanimentProposed,
    Decoded,
    Event,
    OrganisationRegistered,
    Territory,
    decode,
    encode,
    envelope_for,
)
from registration.adapters.recognitions import Recognitions
from registration.adapters.subscribers import subscriptions
from registration.main import create_app
from registration.settings import RegistrationSettings

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SERVICE = UUID(int=0xE1)
EMPLOYMENT, OTHER_COUNCIL, TRAINING = UUID(int=0xF1), UUID(int=0xC2), UUID(int=0xD1)
PAIR = (COUNCIL, EMPLOYMENT)
ORGANISATIONS = (
    (ASSOCIATION, "asso1", "Association exemple", "association"),
    (COUNCIL, "cd93", "Département exemple", "council"),
    (OTHER_COUNCIL, "cd94", "Autre département exemple", "council"),
    (EMPLOYMENT, "ft93", "Service de l’emploi exemple", "employment_service"),
    (TRAINING, "of93", "Organisme de formation exemple", "training_provider"),
)
SCHEMAS = Path(__file__).parents[4] / "contracts" / "schemas"


def at(days: float) -> str:
    """Return a moment as bodies and answers write it, so many days after the start."""
    return (START + days * DAY).isoformat().replace("+00:00", "Z")


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


@dataclass(frozen=True)
class Story:
    """A person accompanied by the made-up council and employment service."""

    subject_ref: UUID
    referral_id: UUID
    accompaniment_id: UUID
    correlation_id: UUID

    def common(self, version: int) -> dict[str, Any]:
        return {
            "accompaniment_id": self.accompaniment_id, "aggregate_version": version, "referral_id": self.referral_id,
            "subject_ref": self.subject_ref,
            "routing": routing().model_copy(update={"employment_organisation_id": EMPLOYMENT}),
        }  # fmt: skip

    def proposed(self, version: int = 1) -> AccompanimentProposed:
        return AccompanimentProposed(**self.common(version), proposed_by=COUNCIL, proposed_at=START)

    def activated(self, version: int = 3) -> AccompanimentActivated:
        return AccompanimentActivated(**self.common(version), accepted_by=EMPLOYMENT, activated_at=START)

    def ended(self, version: int = 5) -> AccompanimentEnded:
        return AccompanimentEnded(**self.common(version), ended_by=COUNCIL, reason="employment", ended_at=START)


@dataclass
class Desk:
    """The service, those who call it, and what it reads."""

    app: FastAPI
    http: httpx.AsyncClient
    runtime: Runtime
    issuer: Issuer
    clock: MovableClock
    db: Database
    referrals: Referrals
    processors: dict[str, Processor]
    client: ServiceClient
    recognitions: Recognitions

    @property
    def processor(self) -> Processor:
        """The consumer of referrals."""
        return self.processors["referrals-referral-v1"]

    def submitted(self, person: dict[str, Any] | None = None, **claim: Any) -> Source:
        """Return the record of a new referral, of which the referrals service knows this person."""
        event = submitted()
        self.referrals.claims[str(event.referral_id)] = {
            "referral_id": str(event.referral_id), "version": 1, "status": "submitted", "gone": False,
            "person": described() if person is None else person,
        } | claim  # fmt: skip
        return source_of_event(event)

    async def hear(self, event: Event, correlation_id: UUID | None = None, event_id: UUID | None = None) -> UUID:
        """Consume one event; return its id."""
        event_id = event_id or new_id()
        envelope = envelope_for(
            event, id=event_id, source="/test", time=START, correlation_id=correlation_id or new_id()
        )
        record = encode(event, envelope)
        source = Source(record.topic, 0, 0, record.key, list(record.headers), record.value)
        await self.processors[record.topic].process([source])
        return event_id

    async def person(self, **changes: Any) -> Story:
        """Make a person known by a referral; nobody accompanies them yet."""
        source = self.submitted(described(**changes))
        await self.processor.process([source])
        told = (await self.told())[-1]
        return Story(told.event.subject_ref, told.event.referral_id, new_id(), told.envelope.correlation_id)  # type: ignore[attr-defined]  # identified

    async def accompanied(self, **changes: Any) -> Story:
        """Make a person known, and accompanied by both."""
        story = await self.person(**changes)
        await self.hear(story.activated(), story.correlation_id)
        return story

    async def proposed(self, story: Story, *, by: UUID = COUNCIL, key: str | None = None, **changes: Any) -> str:
        """Propose an appointment; return its id."""
        answer = await self.propose(story, by=by, key=key, **changes)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["appointment_id"])

    async def propose(
        self, story: Story, *, by: UUID = COUNCIL, key: str | None = None, **changes: Any
    ) -> httpx.Response:
        body = {
            "accompaniment_id": str(story.accompaniment_id), "modality": "in_person", "duration_minutes": 45,
            "options": [at(1), at(2), at(3)], "place": "1 rue de l’Exemple, bureau 12",
        } | changes  # fmt: skip
        headers = {**self.pair(by), "idempotency-key": key or str(uuid4())}
        return await self.http.post("/appointments", json=body, headers=headers)

    async def booked(self, story: Story, **changes: Any) -> str:
        """Propose an appointment and book its first date; return its id."""
        appointment_id = await self.proposed(story, **changes)
        answer = await self.command(appointment_id, "booking", {"starts_at": at(1)})
        assert answer.status_code == 200, answer.text
        return appointment_id

    async def command(
        self, appointment_id: str, command: str, body: Any = None, *, by: UUID = COUNCIL, key: str | None = None
    ) -> httpx.Response:
        headers = {**self.pair(by), **({"idempotency-key": key} if key else {})}
        return await self.http.post(f"/appointments/{appointment_id}/{command}", json=body, headers=headers)

    def bearer(self, kind: str = "service", scope: str = "claims:read") -> dict[str, str]:
        return self.issuer.bearer(SERVICE, code="training", kind=kind, scope=scope)

    def pair(self, organisation: UUID, scope: str = "appointments:act sessions:read") -> dict[str, str]:
        code, kind = next((row[1], row[3]) for row in ORGANISATIONS if row[0] == organisation)
        return self.issuer.bearer(organisation, code=code, kind=kind, scope=scope)

    async def link(self, story: Story, appointment_id: str) -> str:
        """Return a link as notifications would get it."""
        answer = await self.http.get(
            "/claims/contacts",
            params={"id": str(story.subject_ref), "appointment": appointment_id},
            headers={**self.bearer(), "maillage-purpose": "notice"},
        )
        return str(answer.json()["items"][0]["links"][appointment_id])

    async def by_link(self, token: str, act: str = "", body: Any = None) -> httpx.Response:
        """Read the appointment of a link, or do something to it."""
        headers = {"maillage-link": token}
        if not act:
            return await self.http.get("/person/appointment", headers=headers)
        return await self.http.post(f"/person/appointment/{act}", json=body, headers=headers)

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        async with self.db.connection() as connection:
            return list(await connection.fetch(statement, *values))

    async def tables(self) -> dict[str, list[Any]]:
        """Return everything that is stored."""
        names = await self.rows("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public' ORDER BY t")
        return {row["t"]: await self.rows(f"SELECT * FROM {row['t']}") for row in names}

    async def told(self, topic: str = "") -> list[Decoded]:
        """Return what waits for the relay, in its order, as a reader would decode it, each after its schema."""
        rows = await self.rows(
            "SELECT type, headers, payload FROM outbox WHERE aggregatetype LIKE $1 ORDER BY position", f"{topic}%"
        )
        for row in rows:
            schema = json.loads((SCHEMAS / f"{row['type'].removeprefix('fr.maillage.')}.schema.json").read_text())
            jsonschema.validate(json.loads(row["payload"]), schema, cls=jsonschema.Draft202012Validator)
        return [decode(json.loads(row["headers"]), row["payload"]) for row in rows]


def described(**changes: Any) -> dict[str, Any]:
    return {
        "first_name": "Camille", "last_name": "Exemple", "birth_date": "1987-04-09",
        "phone": "06 39 98 00 00", "email": "camille@exemple.test", "address": None,
    } | changes  # fmt: skip


@pytest.fixture
async def desk(database: Callable[[str | None], Awaitable[str]], tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(await database("registration"), tmp_path) as found:
        yield found


@asynccontextmanager
async def opened(dsn: str, folder: Path, kafka_bootstrap: str = "") -> AsyncIterator[Desk]:
    """Compose a service on a database of its own; nothing of it runs by itself before its lifespan does."""
    (folder / "master-key").write_bytes(base64.b64encode(bytes(range(32))))
    (folder / "secret").write_text("made-up")
    clock = MovableClock(START)
    settings = RegistrationSettings(
        stack="test", http_port=0, database_dsn=SecretStr(dsn), master_key_file=folder / "master-key",
        client_id="registration", client_secret_file=folder / "secret", token_url="http://issuer.test/oauth/token",
        token_issuer="test", referrals_url="http://referrals.test", kafka_bootstrap=kafka_bootstrap,
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
    async with db.transaction() as tx:
        await apply_organisations(tx, [registered(*row) for row in ORGANISATIONS])
    recognitions = Recognitions()
    processors = {
        subscription.topic: Processor("registration", subscription, db, clock, runtime.doorbell)
        for subscription in subscriptions(client, runtime.vault(), clock, recognitions)
    }
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://registration.test") as http:
        yield Desk(app, http, runtime, issuer, clock, db, referrals, processors, client, recognitions)
    await upstream.aclose()
    for pool in (db, runtime.db, runtime.background_db):
        await pool.close()
    await runtime.tokens.close()


def registered(id_: UUID, code: str, name: str, kind: str) -> OrganisationRegistered:
    return OrganisationRegistered(
        organisation_id=id_, aggregate_version=1, code=code, name=name, kind=kind, phone="+33 1 99 00 00 00",
        postal_address="1 rue de l’Exemple\n93000 Exemple",
        territory=Territory(
            communes=(), epcis=(), departements=(), collectivities=("93D",) if id_ == COUNCIL else ()
        ),
        changed_at=START,
    )  # fmt: skip
