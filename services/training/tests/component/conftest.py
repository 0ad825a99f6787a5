"""A training service on a real PostgreSQL, two providers, two councils and two employment services in its directory."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import jsonschema
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
    AccompanimentActivated,
    AccompanimentEnded,
    AccompanimentPlanChanged,
    Decoded,
    Event,
    OrganisationRegistered,
    PersonErased,
    PlannedAction,
    Routing,
    Territory,
    decode,
    encode,
    envelope_for,
)
from training.adapters.subscribers import subscriptions
from training.adapters.terms import timers
from training.main import create_app
from training.settings import TrainingSettings

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
THEME = "numerique--maitriser-les-fondamentaux-du-numerique"
ASSOCIATION = UUID(int=0xA1)
COUNCIL, OTHER_COUNCIL = UUID(int=0xC1), UUID(int=0xC2)
SERVICE, OTHER_SERVICE = UUID(int=0xF1), UUID(int=0xF2)
PROVIDER, OTHER_PROVIDER = UUID(int=0xD1), UUID(int=0xD2)
SCHEMAS = Path(__file__).parents[4] / "contracts" / "schemas"
SCOPES = {
    "association": "referrals:write referrals:read feed:read",
    "council": "sessions:read enrolments:act feed:read",
    "employment_service": "sessions:read enrolments:act feed:read",
    "training_provider": "sessions:write sessions:read enrolments:act feed:read",
}
ORGANISATIONS = (
    (ASSOCIATION, "asso1", "Association exemple", "association"),
    (COUNCIL, "cd93", "Département exemple", "council"),
    (OTHER_COUNCIL, "metrolyon", "Métropole exemple", "council"),
    (SERVICE, "ft93", "Service de l’emploi exemple", "employment_service"),
    (OTHER_SERVICE, "ft69", "Autre service exemple", "employment_service"),
    (PROVIDER, "of93", "Organisme exemple", "training_provider"),
    (OTHER_PROVIDER, "of69", "Autre organisme exemple", "training_provider"),
)


@cache
def validator(ce_type: str) -> jsonschema.Draft202012Validator:
    """Return the validator of the committed schema of an event type."""
    path = SCHEMAS / f"{ce_type.removeprefix('fr.maillage.')}.schema.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text()))


@dataclass
class Story:
    """One person's accompaniment, whose events a test lets happen."""

    accompaniment_id: UUID = field(default_factory=uuid4)
    referral_id: UUID = field(default_factory=uuid4)
    subject_ref: UUID = field(default_factory=uuid4)
    correlation_id: UUID = field(default_factory=uuid4)
    version: int = 2

    def common(self) -> dict[str, Any]:
        self.version += 1
        return {
            "accompaniment_id": self.accompaniment_id,
            "aggregate_version": self.version,
            "referral_id": self.referral_id,
            "subject_ref": self.subject_ref,
            "routing": Routing(
                commune="93048",
                referrer_organisation_id=ASSOCIATION,
                receiver_organisation_id=COUNCIL,
                sender_kind="association",
                employment_organisation_id=SERVICE,
            ),
        }

    def activated(self) -> AccompanimentActivated:
        return AccompanimentActivated(**self.common(), accepted_by=SERVICE, activated_at=START)

    def plan(self, *actions: tuple[UUID, UUID | str | None, str], by: UUID = COUNCIL) -> AccompanimentPlanChanged:
        """Return a changed plan of training actions: id, session, state."""
        planned = tuple(
            PlannedAction(
                action_id=id_, kind="training", theme=THEME, assigned_to="person", state=state,
                session_id=None if session_id is None else UUID(str(session_id)),
            )
            for id_, session_id, state in actions
        )  # fmt: skip
        return AccompanimentPlanChanged(**self.common(), changed_by=by, actions=planned, changed_at=START)

    def ended(self, by: UUID = SERVICE) -> AccompanimentEnded:
        return AccompanimentEnded(**self.common(), ended_by=by, reason="employment", ended_at=START)

    def erased(self) -> PersonErased:
        return PersonErased(subject_ref=self.subject_ref, aggregate_version=9, erased_at=START)


@dataclass
class Desk:
    """The service, those who call it, and what it reads."""

    http: httpx.AsyncClient
    runtime: Runtime
    issuer: Issuer
    clock: MovableClock
    db: Database
    processors: dict[str, Processor]

    def bearer(self, organisation: UUID, **claims: Any) -> dict[str, str]:
        code, kind = next((row[1], row[3]) for row in ORGANISATIONS if row[0] == organisation)
        return self.issuer.bearer(organisation, **{"code": code, "kind": kind, "scope": SCOPES[kind], **claims})

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return a good session."""
        starts_at = self.clock.now() + timedelta(days=30)
        return {
            "title": "Bases numériques", "theme": THEME, "commune": "93048", "seats": 10, "hours": 12,
            "starts_at": starts_at.isoformat().replace("+00:00", "Z"), "place": "1 rue de l’Exemple, Exemple",
        } | changes  # fmt: skip

    async def post(
        self, path: str, by: UUID, body: Any = None, *, key: str | None = "new", **claims: Any
    ) -> httpx.Response:
        headers = self.bearer(by, **claims)
        if key is not None:
            headers["idempotency-key"] = str(uuid4()) if key == "new" else key
        return await self.http.post(path, json=body, headers=headers)

    async def get(self, path: str, by: UUID = COUNCIL, **params: Any) -> httpx.Response:
        return await self.http.get(path, headers=self.bearer(by), params=params)

    async def session(self, by: UUID = PROVIDER, **changes: Any) -> str:
        """Open a session and return its id."""
        answer = await self.post("/sessions", by, self.body(**changes))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["session_id"])

    async def story(self) -> Story:
        """Return an active accompaniment that this service has heard of."""
        story = Story()
        await self.hear(story, story.activated())
        return story

    async def stories(self, count: int) -> list[Story]:
        """Return that many, heard of in one batch."""
        found = [Story() for _ in range(count)]
        sources = [self.source(story, story.activated()) for story in found]
        await self.processors[sources[0].topic].process(sources)
        return found

    async def ask(
        self, story: Story, session_id: str, *, by: UUID = COUNCIL, action: UUID | None = None, key: str = "new"
    ) -> httpx.Response:
        body = {
            "session_id": session_id,
            "accompaniment_id": str(story.accompaniment_id),
            "action_id": str(action or uuid4()),
        }
        return await self.post("/enrolments", by, body, key=key)

    async def enrolled(self, session_id: str, story: Story | None = None) -> str:
        """Ask for a seat for somebody and return the enrolment's id."""
        answer = await self.ask(story or await self.story(), session_id)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["enrolment_id"])

    async def command(
        self, enrolment_id: str, command: str, by: UUID = PROVIDER, body: Any = None, key: str | None = None
    ) -> httpx.Response:
        return await self.post(f"/enrolments/{enrolment_id}/{command}", by, body, key=key)

    async def status(self, enrolment_id: str) -> str:
        rows = await self.rows("SELECT status FROM enrolments WHERE enrolment_id = $1", UUID(enrolment_id))
        return str(rows[0]["status"])

    def source(self, story: Story, event: Event, event_id: UUID | None = None) -> Source:
        """Return the record of one of the story's events."""
        envelope = envelope_for(
            event, id=event_id or uuid4(), source="/referrals", time=START, correlation_id=story.correlation_id,
            traceparent=None,
        )  # fmt: skip
        record = encode(event, envelope)
        return Source(record.topic, 0, 0, record.key, list(record.headers), record.value)

    async def hear(self, story: Story, *events: Event) -> list[Source]:
        """Consume events of the story, and return their records; none may become a dead letter."""
        sources = [self.source(story, event) for event in events]
        await self.consume(*sources)
        return sources

    async def consume(self, *sources: Source) -> None:
        for source in sources:
            await self.processors[source.topic].process([source])
        assert await self.rows("SELECT cause FROM dead_letters") == []

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        async with self.db.connection() as connection:
            return list(await connection.fetch(statement, *values))

    async def told(self, *of: str) -> list[Decoded]:
        """Return what waits for the relay, in its order; every event fits its committed schema.

        With ids, only what is told of these aggregates.
        """
        rows = await self.rows("SELECT aggregateid, type, headers, payload FROM outbox ORDER BY position")
        for row in rows:
            validator(row["type"]).validate(json.loads(row["payload"]))
        return [decode(json.loads(r["headers"]), r["payload"]) for r in rows if not of or r["aggregateid"] in of]

    async def names(self, *of: str) -> list[str]:
        return [type(one.event).__name__.removeprefix("Enrolment") for one in await self.told(*of)]

    async def time_passes(self, elapsed: timedelta = timedelta(0)) -> None:
        """Move the clock and fire the timers that are due."""
        self.clock.advance(elapsed)
        await fire_due(self.runtime.background_db, timers(), self.clock.now())

    async def check_seats(self) -> None:
        """Fail unless each open session counts what it holds, and holds no more than it has."""
        rows = await self.rows("""
            SELECT s.seats, s.taken, s.waiting,
                count(*) FILTER (WHERE e.status IN ('seat_held', 'seat_offered', 'confirmed', 'attending')) AS seated,
                count(*) FILTER (WHERE e.status = 'waitlisted') AS listed
            FROM sessions s LEFT JOIN enrolments e USING (session_id) WHERE s.status = 'open' GROUP BY s.session_id
        """)
        for row in rows:
            assert row["taken"] == row["seated"] <= row["seats"]
            assert row["waiting"] == row["listed"]


@pytest.fixture
async def desk(database: Callable[[str | None], Awaitable[str]], tmp_path: Path) -> AsyncIterator[Desk]:
    dsn = await database("training")
    master_key = tmp_path / "master-key"
    master_key.write_bytes(base64.b64encode(bytes(range(32))))
    clock = MovableClock(START)
    settings = TrainingSettings(
        stack="test", http_port=0, database_dsn=SecretStr(dsn), master_key_file=master_key, token_issuer="test"
    )
    app = create_app(settings, clock)
    issuer = Issuer(clock)
    issuer.trusted_by(app)
    runtime: Runtime = app.state.runtime
    async with runtime.db.transaction() as tx:
        await apply_organisations(tx, [registered(*row) for row in ORGANISATIONS])
    db = Database(dsn, size=4, application="test")
    processors = {
        one.topic: Processor("training", one, db, clock, runtime.doorbell)
        for one in subscriptions(runtime.vault(), clock)
    }
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://training.test") as http:
        yield Desk(http, runtime, issuer, clock, db, processors)
    for opened in (db, runtime.db, runtime.background_db):
        await opened.close()
    await runtime.tokens.close()


def registered(id_: UUID, code: str, name: str, kind: str) -> OrganisationRegistered:
    return OrganisationRegistered(
        organisation_id=id_,
        aggregate_version=1,
        code=code,
        name=name,
        kind=kind,
        phone="+33 1 99 00 00 00",
        postal_address="1 rue de l’Exemple\n93000 Exemple",
        territory=Territory(communes=(), epcis=(), departements=(), collectivities=("93D",) if id_ == COUNCIL else ()),
        changed_at=START,
    )


async def until(question: Callable[[], Awaitable[Any]], seconds: float = 30.0) -> None:
    """Ask again and again until the answer is yes; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await question():
            await asyncio.sleep(0.02)
