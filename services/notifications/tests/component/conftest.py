"""A notifications service on a real PostgreSQL, a real SMTP server, and its neighbours as they speak over HTTP.

The neighbours (registration's claim check, an SMS gateway) are one small server at the edge: what they keep is what a
test looks at, and `away` is how they fail.
"""

from __future__ import annotations

import asyncio
import email.policy
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from aiosmtpd.smtp import SMTP
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from chassis.clock import MovableClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.directory import apply_organisations
from chassis.records import Source
from chassis.runtime import Runtime
from chassis.testing.events import example
from chassis.testing.tokens import Issuer
from maillage.testing.servers import free_ports
from maillage_contracts import (
    AppointmentBooked,
    AppointmentPostponed,
    Decoded,
    Event,
    OrganisationRegistered,
    Routing,
    Territory,
    decode,
    encode,
    envelope_for,
)
from notifications.adapters.sender import Sender
from notifications.adapters.sms import signature_of
from notifications.adapters.subscribers import subscriptions
from notifications.main import create_app
from notifications.settings import NotificationsSettings

AnyEvent = TypeVar("AnyEvent", bound=Event)

START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
"""A Tuesday, three in the afternoon in Paris."""

ASSOCIATION, COUNCIL, EMPLOYMENT, TRAINING = (UUID(int=n) for n in (0xA1, 0xC1, 0xE1, 0xF1))
PERSON = UUID(int=0x501)
TOKEN = "made-up-sms-token"
ORGANISATIONS = (
    (ASSOCIATION, "asso1", "Association exemple", "association"),
    (COUNCIL, "cd93", "Département exemple", "council"),
    (EMPLOYMENT, "ft93", "Agence exemple", "employment_service"),
    (TRAINING, "of93", "Organisme exemple", "training_provider"),
)


@dataclass
class Post:
    """A mail server that keeps one message per Message-ID and recipient, however often it is handed over."""

    kept: dict[tuple[str, str], EmailMessage] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)
    handed_over: Counter[str] = field(default_factory=Counter)
    answers: dict[str, list[str]] = field(default_factory=dict)
    """By recipient, what to answer to `RCPT TO`, one after the other."""
    port: int = 0
    _server: asyncio.Server | None = None

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802  # aiosmtpd's name
        if self.answers.get(address):
            return self.answers[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        message = BytesParser(policy=email.policy.default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.raw.append(envelope.content)
        self.handed_over[str(message["Message-ID"])] += 1
        for recipient in envelope.rcpt_tos:
            self.kept[str(message["Message-ID"]), recipient] = message
        return "250 kept"

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.port = self.port or free_ports(1)[0]
        self._server = await loop.create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, ident="test", loop=loop), "127.0.0.1", self.port
        )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def to(self, recipient: str) -> list[EmailMessage]:
        return [message for (_, to), message in self.kept.items() if to == recipient]

    def texts(self, recipient: str) -> list[str]:
        found = self.to(recipient)
        return [f"{message['Subject']}\n\n{message.get_content()}".replace("\r\n", "\n") for message in found]


@dataclass
class Neighbours:
    """Registration and the SMS gateway, and what they were asked."""

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    questions: list[tuple[list[str], list[str], str]] = field(default_factory=list)
    registration_away: bool = False
    texts: dict[str, dict[str, Any]] = field(default_factory=dict)
    handed_over: Counter[str] = field(default_factory=Counter)
    busy: Counter[str] = field(default_factory=Counter)
    gateway_answers: list[int] = field(default_factory=list)
    spans: list[bytes] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/oauth/token")
        async def token() -> dict[str, Any]:
            return {"access_token": "made-up", "expires_in": 300}

        @app.post("/v1/traces")
        async def traces(request: Request) -> dict[str, Any]:
            self.spans.append(await request.body())
            return {}

        @app.get("/claims/contacts")
        async def contacts(request: Request) -> Any:
            asked = request.query_params.getlist("id")
            self.questions.append(
                (asked, request.query_params.getlist("appointment"), request.headers["maillage-purpose"])
            )
            if self.registration_away:
                return JSONResponse({}, 503)
            return {"items": [self.contacts[id_] for id_ in asked if id_ in self.contacts]}

        @app.post("/sms-api/messages")
        async def messages(request: Request) -> JSONResponse:
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
            body = await request.json()
            reference, to = body["reference"], body["to"]
            self.handed_over[reference] += 1
            if self.gateway_answers:
                return JSONResponse({}, self.gateway_answers.pop(0))
            if to.endswith("97") and self.busy[reference] < 2:
                self.busy[reference] += 1
                return JSONResponse({}, 503)
            known = reference in self.texts
            self.texts.setdefault(reference, body | {"id": f"sms-{len(self.texts)}"})
            return JSONResponse({"id": self.texts[reference]["id"], "segments": 1}, 200 if known else 202)

        return app


class Desk:
    """The service, its neighbours, and what it reads."""

    def __init__(self, http: httpx.AsyncClient, runtime: Runtime, sender: Sender, db: Database) -> None:
        self.http, self.runtime, self.sender, self.db = http, runtime, sender, db
        self.clock: MovableClock = runtime.clock  # type: ignore[assignment]  # the fixture gave this one
        self.issuer = Issuer(self.clock)
        self.post = Post()
        self.neighbours = Neighbours()
        self.processors: dict[str, Processor] = {}
        self.versions: Counter[UUID] = Counter()

    def knows(self, subject_ref: UUID = PERSON, appointment: Event | None = None, **changes: Any) -> None:
        """Make registration know this person, and this appointment as its event says."""
        known: dict[str, Any] = self.neighbours.contacts.setdefault(str(subject_ref), {
            "subject_ref": str(subject_ref), "version": 1, "first_name": "Camille", "language": "fr", "gone": False,
            "phone": "06 39 98 00 00", "email": "camille@exemple.test", "opt_outs": [], "links": {}, "appointments": {},
        })  # fmt: skip
        known |= changes
        if appointment is not None:
            id_ = str(getattr(appointment, "appointment_id"))  # noqa: B009  # any event of an appointment
            known["links"][id_] = f"token-of-{id_}"
            starts_at = getattr(appointment, "starts_at", None)
            known["appointments"][id_] = {
                "status": type(appointment).event_type.split(".")[-2], "version": appointment.aggregate_version,
                "starts_at": starts_at.isoformat() if starts_at else None, "place": "3 place du Marché, Montreuil",
                "modality": getattr(appointment, "modality", "in_person"),
            } | changes.get("meeting", {})  # fmt: skip

    def event(self, model: type[AnyEvent], aggregate_id: UUID | None = None, **changes: Any) -> AnyEvent:
        """Return the contracts' example between our organisations, with the aggregate's next version."""
        aggregate_id = aggregate_id or uuid4()
        self.versions[aggregate_id] += 1
        usual = {
            "routing": routing(), "subject_ref": PERSON, "aggregate_version": self.versions[aggregate_id],
            "organiser_organisation_id": EMPLOYMENT, model.aggregate_field: aggregate_id,
        }  # fmt: skip
        return example(
            model, **{name: value for name, value in (usual | changes).items() if name in model.model_fields}
        )

    def booked(self, starts_at: datetime, aggregate_id: UUID | None = None, **changes: Any) -> AppointmentBooked:
        """Return a booked appointment that registration knows of."""
        event = self.event(AppointmentBooked, aggregate_id, starts_at=starts_at, **changes)
        self.knows(event.subject_ref, event)
        return event

    def record(self, event: Event, *, event_id: UUID | None = None, at: datetime | None = None) -> Source:
        """Return the record of an event that happens now."""
        envelope = envelope_for(
            event, id=event_id or uuid4(), source="/test", time=at or self.clock.now(), correlation_id=uuid4()
        )
        record = encode(event, envelope)
        return Source(record.topic, 0, 0, record.key, list(record.headers), record.value)

    async def deliver(self, *events: Event | Source) -> list[Source]:
        """Have the service read these events, in order."""
        sources = [event if isinstance(event, Source) else self.record(event) for event in events]
        for source in sources:
            await self.processors[source.topic].process([source])
        return sources

    def older(self, than: AppointmentBooked, aggregate_id: UUID) -> AppointmentPostponed:
        """Return a postponement that happened before the newest event of the appointment."""
        event = self.event(AppointmentPostponed, aggregate_id, previous_starts_at=than.starts_at)
        return event.model_copy(update={"aggregate_version": than.aggregate_version})

    async def joins(self, organisation: OrganisationRegistered) -> None:
        async with self.db.transaction() as tx:
            await apply_organisations(tx, [organisation])

    async def send(self) -> None:
        """Have the worker send all that is due."""
        while await self.sender.step():
            pass

    async def tell(self, *events: Event | Source) -> None:
        await self.deliver(*events)
        await self.send()

    async def later(self, **step: float) -> None:
        """Let time pass, then send what is due."""
        self.clock.advance(timedelta(**step))
        await self.send()

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        async with self.db.connection() as connection:
            return list(await connection.fetch(statement, *values))

    async def states(self) -> dict[str, list[str]]:
        """Return the states of all notices, by template."""
        found: dict[str, list[str]] = {}
        for row in await self.rows("SELECT template, state, reason FROM notices ORDER BY position"):
            said = row["state"] if row["reason"] is None else f"{row['state']}({row['reason']})"
            found.setdefault(row["template"], []).append(said)
        return found

    async def told(self) -> list[Decoded]:
        """Return what waits for the relay, in its order, as a reader would decode it."""
        rows = await self.rows("SELECT headers, payload FROM outbox ORDER BY position")
        return [decode(json.loads(row["headers"]), row["payload"]) for row in rows]

    async def told_kinds(self, template: str) -> list[str]:
        events: list[Any] = [told.event for told in await self.told()]
        return [type(event).__name__ for event in events if event.template == template]

    def operator(self, scope: str = "operations") -> dict[str, str]:
        return self.issuer.bearer(UUID(int=0xB1), code="ops", kind="operator", scope=scope)

    async def receipt(
        self, reference: Any, status: str = "delivered", *, signature: str | None = None
    ) -> httpx.Response:
        """Post a receipt as the gateway does."""
        document = {"id": "sms-1", "reference": str(reference), "status": status, "at": self.clock.now().isoformat()}
        body = json.dumps(document).encode()
        signed = (signature_of(body, TOKEN) if signature is None else signature).encode()
        headers = {b"maillage-signature": signed}
        return await self.http.post("/receipts/sms", content=body, headers=headers)


def routing(**changes: Any) -> Routing:
    usual = {
        "commune": "93048", "referrer_organisation_id": ASSOCIATION, "receiver_organisation_id": COUNCIL,
        "sender_kind": "association", "employment_organisation_id": EMPLOYMENT, "training_organisation_id": TRAINING,
    }  # fmt: skip
    return Routing.model_validate(usual | changes)


def registered(id_: UUID, code: str, name: str, kind: str, email: str | None = None) -> OrganisationRegistered:
    return OrganisationRegistered(
        organisation_id=id_,
        aggregate_version=1,
        code=code,
        name=name,
        kind=kind,
        phone="+33 1 99 00 00 00",
        postal_address=f"1 rue de {code}\n93000 Exemple",
        email=email or f"{code}@exemple.test",
        territory=Territory(communes=(), epcis=(), departements=(), collectivities=()),
        changed_at=START,
    )


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)  # uvicorn rings no bell
    try:
        yield
    finally:
        server.should_exit = True
        await task


def settings_for(dsn: str, folder: Path, post: Post, url: str, **changes: Any) -> NotificationsSettings:
    (folder / "secret").write_text("made-up")
    (folder / "sms-token").write_text(TOKEN)
    usual = {
        "stack": "test", "http_port": 0, "database_dsn": dsn, "token_issuer": "test", "smtp_host": "127.0.0.1",
        "smtp_port": post.port, "client_secret_file": folder / "secret", "token_url": f"{url}/oauth/token",
        "registration_url": url, "sms_url": f"{url}/sms-api", "sms_token_file": folder / "sms-token",
        "portal_url": "http://portail.test",
    }  # fmt: skip
    return NotificationsSettings.model_validate(usual | changes)


@dataclass
class Edge:
    """What stands around the service."""

    post: Post
    neighbours: Neighbours
    url: str
    token: str = TOKEN


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    post, neighbours, (port,) = Post(), Neighbours(), free_ports(1)
    await post.open()
    async with serving(neighbours.app(), port):
        yield Edge(post, neighbours, f"http://127.0.0.1:{port}")
    await post.close()


@pytest.fixture
async def desk(
    database: Callable[[str | None], Awaitable[str]], edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    # A busy machine is not a neighbour that is away.
    monkeypatch.setattr("chassis.outgoing.CONNECT_SECONDS", 30)
    monkeypatch.setattr("chassis.outgoing.READ_SECONDS", 30)
    dsn = await database("notifications")
    app = create_app(settings_for(dsn, tmp_path, edge.post, edge.url), MovableClock(START))
    runtime: Runtime = app.state.runtime
    db = Database(dsn, size=4, application="test")
    async with runtime.db.transaction() as tx:
        await apply_organisations(tx, [registered(*row) for row in ORGANISATIONS])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notifications.test") as http:
        desk = Desk(http, runtime, app.state.sender, db)
        desk.post, desk.neighbours = edge.post, edge.neighbours
        desk.issuer.trusted_by(app)
        desk.processors = {
            one.topic: Processor("notifications", one, db, runtime.clock, runtime.doorbell)
            for one in subscriptions(app.state.sender.catalogue, app.state.sender.courtesy, runtime.clock)
        }
        yield desk
    await app.state.sender.close()
    for opened in (db, runtime.db, runtime.background_db):
        await opened.close()
    await runtime.tokens.close()
