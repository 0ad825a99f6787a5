"""A notifications service on a real PostgreSQL, with the neighbours of ../conftest.py and a clock that is moved."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest

from chassis.clock import MovableClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.directory import apply_organisations
from chassis.records import Source
from chassis.runtime import Runtime
from chassis.testing.events import example
from chassis.testing.tokens import Issuer
from maillage.testing.databases import DatabaseFactory
from maillage.testing.servers import run_apart
from maillage_contracts import (
    AppointmentBooked,
    AppointmentPostponed,
    Decoded,
    EnrolmentSeatOffered,
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

Edge = Any
"""../conftest.Edge: test folders are no packages."""

AnyEvent = TypeVar("AnyEvent", bound=Event)

START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
"""A Tuesday, three in the afternoon in Paris."""

ASSOCIATION, COUNCIL, EMPLOYMENT, TRAINING = (UUID(int=n) for n in (0xA1, 0xC1, 0xE1, 0xF1))
PERSON = UUID(int=0x501)
ORGANISATIONS = (
    (ASSOCIATION, "asso1", "Association exemple", "association"),
    (COUNCIL, "cd93", "Département exemple", "council"),
    (EMPLOYMENT, "ft93", "Agence exemple", "employment_service"),
    (TRAINING, "of93", "Organisme exemple", "training_provider"),
)


class Desk:
    """The service, its neighbours, and what it reads."""

    def __init__(self, edge: Edge, http: httpx.AsyncClient, runtime: Runtime, sender: Sender, db: Database) -> None:
        self.http, self.runtime, self.sender, self.db = http, runtime, sender, db
        self.post, self.neighbours, self.token = edge.post, edge.neighbours, edge.token
        self.clock: MovableClock = runtime.clock  # type: ignore[assignment]  # the fixture gave this one
        self.issuer = Issuer(self.clock)
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

    def offer(self, expires_at: datetime, **changes: Any) -> EnrolmentSeatOffered:
        """Return an event whose notice goes by text message first, then by e-mail."""
        return self.event(EnrolmentSeatOffered, expires_at=expires_at, **changes)

    def record(self, event: Event, *, at: datetime | None = None, traceparent: str | None = None) -> Source:
        """Return the record of an event that happens now."""
        envelope = envelope_for(
            event, id=uuid4(), source="/test", time=at or self.clock.now(), correlation_id=uuid4(),
            traceparent=traceparent,
        )  # fmt: skip
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
        signed = (signature_of(body, self.token) if signature is None else signature).encode()
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


def settings_for(dsn: str, folder: Path, edge: Edge, **changes: Any) -> NotificationsSettings:
    (folder / "secret").write_text("made-up")
    (folder / "sms-token").write_text(edge.token)
    usual = {
        "stack": "test", "http_port": 0, "database_dsn": dsn, "token_issuer": "test", "smtp_host": "127.0.0.1",
        "smtp_port": edge.post.port, "client_id": "notifications", "client_secret_file": folder / "secret",
        "token_url": f"{edge.url}/oauth/token",
        "registration_url": edge.url, "partners_url": edge.url,
        "sms_url": f"{edge.url}/sms-api", "sms_token_file": folder / "sms-token",
        "portal_url": "http://portail.test", "operators_email": "exploitation@exemple.test",
    }  # fmt: skip
    return NotificationsSettings.model_validate(usual | changes)


@pytest.fixture(scope="session")
def shared_dsn(database_factory: DatabaseFactory) -> str:
    """One database for every test here that starts no process: emptying it is faster than copying it."""
    return run_apart(lambda: database_factory.create("notifications", asyncio.Lock()))


async def emptied(dsn: str) -> Database:
    db = Database(dsn, size=4, application="test")
    async with db.transaction() as tx:
        rows = await tx.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'"
        )
        await tx.execute(f"TRUNCATE {', '.join(row['tablename'] for row in rows)} RESTART IDENTITY")
    return db


@pytest.fixture
async def desk(shared_dsn: str, edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    # A busy machine is not a neighbour that is away.
    monkeypatch.setattr("chassis.outgoing.CONNECT_SECONDS", 30)
    monkeypatch.setattr("chassis.outgoing.READ_SECONDS", 30)
    db = await emptied(shared_dsn)
    app = create_app(settings_for(shared_dsn, tmp_path, edge), MovableClock(START))
    runtime: Runtime = app.state.runtime
    async with runtime.db.transaction() as tx:
        await apply_organisations(tx, [registered(*row) for row in ORGANISATIONS])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notifications.test") as http:
        desk = Desk(edge, http, runtime, app.state.sender, db)
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
