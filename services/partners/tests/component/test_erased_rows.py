"""What is left on streams of a person who was erased: places, ids and times, and the erasure itself."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.clock import SystemClock
from chassis.consumer import Processor, Subscription
from chassis.db import Database, Tx
from chassis.errors import DependencyDown
from chassis.outbox import Doorbell
from chassis.records import Delivery, Source
from chassis.testing.events import AT, example
from maillage_contracts import (
    AccompanimentPlanChanged,
    AccompanimentProposed,
    AppointmentBooked,
    EnrolmentConfirmed,
    Event,
    EventErased,
    PersonErased,
    PersonIdentified,
    PersonTierChanged,
    ReferralSubmitted,
    Routing,
    decode,
    encode,
    envelope_for,
    topic_for,
    type_of,
)
from maillage_contracts.feed import AsyncFeed
from partners.adapters.stream_erasures import erase_left_rows
from partners.adapters.subscribers import subscriptions

from .reading import Service, id_of, read

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
ERASED = type_of(PersonErased)
GONE = type_of(EventErased)

Row = Mapping[str, Any]


class Case:
    """A person's referral, and what follows from it, as records with a story and a trace."""

    def __init__(self, ids: Mapping[str, UUID]) -> None:
        self.person, self.referral, self.story = uuid4(), uuid4(), uuid4()
        self.steps = [uuid4() for _ in range(3)]
        self.trace = uuid4().hex
        self.routing = Routing(
            commune="93048",
            referrer_organisation_id=ids["asso1"],
            receiver_organisation_id=ids["cd93"],
            sender_kind="association",
            employment_organisation_id=ids["ft93"],
            training_organisation_id=ids["of93"],
        )

    @property
    def secrets(self) -> list[str]:
        """Whatever leads to the person."""
        return [*map(str, (self.person, self.referral, self.story, *self.steps)), self.trace]

    def source(self, model: type[Event], **changes: Any) -> Source:
        common = {"subject_ref": self.person, "referral_id": self.referral, "routing": self.routing}
        event = example(model, **{**common, **changes})
        envelope = envelope_for(
            event, id=uuid4(), source="/x", time=AT, correlation_id=self.story,
            traceparent=f"00-{self.trace}-b7ad6b7169203331-01",
        )  # fmt: skip
        record = encode(event, envelope)
        return Source(record.topic, 0, 0, record.key, list(record.headers), record.value)

    def told(self) -> list[Source]:
        accompaniment, appointment, enrolment = self.steps
        return [
            self.source(ReferralSubmitted, aggregate_version=1),
            self.source(PersonIdentified),
            self.source(AccompanimentProposed, accompaniment_id=accompaniment),
            self.source(AccompanimentPlanChanged, accompaniment_id=accompaniment, aggregate_version=2),
            self.source(AppointmentBooked, appointment_id=appointment),
            self.source(EnrolmentConfirmed, enrolment_id=enrolment),
            self.source(PersonTierChanged, aggregate_version=2),
        ]

    def erasure(self) -> Source:
        """Its own story: whoever is a council is told which."""
        event = example(PersonErased, subject_ref=self.person, aggregate_version=9)
        record = encode(event, envelope_for(event, id=uuid4(), source="/x", time=AT, correlation_id=uuid4()))
        return Source(record.topic, 0, 0, record.key, list(record.headers), record.value)


class World:
    """Organisations of every kind, and others that came and went: snapshots and what takes them back."""

    def __init__(self, service: Service, db: Database) -> None:
        self.service, self.db = service, db
        self.ids: dict[str, UUID] = {}

    async def prepare(self) -> None:
        kinds = {"asso1": "association", "ft93": "employment_service", "of93": "training_provider", "cd93": "council"}
        for code, kind in kinds.items():
            places = {"collectivities": ["93D"]} if kind == "council" else {}
            found = await self.service.organisation(code, kind, **places)
            self.ids[code] = UUID(found["organisation_id"])

    async def tell(self, sources: Sequence[Source]) -> None:
        clock = SystemClock()
        by_topic = {one.topic: Processor("partners", one, self.db, clock, Doorbell()) for one in subscriptions(clock)}
        for source in sources:
            await by_topic[source.topic].process([source])

    async def rows(self) -> list[Row]:
        async with self.db.connection() as tx:
            found = await tx.fetch(
                "SELECT code, e.* FROM stream_events e JOIN partner_stream USING (organisation_id)"
                " ORDER BY code, position"
            )
        return [dict(row) for row in found]

    async def bystanders(self) -> None:
        """Councils that come to see the commune, one of which leaves it again."""
        for code in ("late", "left"):
            await self.service.organisation(code, communes=["93048"])
        await self.service.organisation("left", communes=["75056"])


@pytest.fixture
async def world(service: Service, db: Database) -> World:
    found = World(service, db)
    await found.prepare()
    return found


def found_in(text: str | bytes, case: Case) -> list[str]:
    whole = text.decode() if isinstance(text, bytes) else text
    return [one for one in case.secrets if one in whole]


async def everything_read(service: Service, headers: dict[str, str], count: int) -> dict[str, list[str]]:
    """Return each event as each reading gives it, by the reading."""
    page = (await service.http.get("/feed", params={"limit": 500}, headers=headers)).json()["events"]
    streamed: list[str] = []
    accept = {**headers, "accept": "text/event-stream"}
    async with service.http.stream("GET", "/feed", headers=accept) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                streamed.append(line)
            if len(streamed) == count:
                break
    lines = (await service.http.get("/feed/export", params={"format": "jsonl"}, headers=headers)).text.splitlines()
    table = await service.http.get("/feed/export", params={"format": "csv"}, headers=headers)
    cells = [str(row) for row in csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")))]
    return {"page": [json.dumps(event) for event in page], "events": streamed, "jsonl": lines, "csv": cells}


async def test_nothing_but_the_erasure_leads_to_the_person_and_everything_else_is_as_it_was(
    world: World, tmp_path: Path
) -> None:
    service, gone, there = world.service, Case(world.ids), Case(world.ids)
    client = (await service.call("POST", "/organisations/cd93/clients")).json()
    credentials = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    headers = await service.headers(*credentials.values())
    # One after the other, mixed.
    await world.tell([one for both in zip(gone.told(), there.told(), strict=True) for one in both])
    await world.bystanders()
    before = await world.rows()
    assert {row["code"] for row in before} == {"asso1", "cd93", "ft93", "of93", "late", "left"}
    async with AsyncFeed(service.url, **credentials, state=tmp_path / "reader", limit=3) as feed:
        ids = [str(one.id) async for one in feed.until_now()]
    middle = (await read(service, headers, limit=5))["cursor"]

    await world.tell([gone.erasure()])

    after = await world.rows()
    kept = {(row["code"], row["position"]): row for row in after}
    names = {"snapshot", "left_scope"}
    for row in before:
        now = kept.pop((row["code"], row["position"]))
        assert (now["event_id"], now["created_at"]) == (row["event_id"], row["created_at"])
        if not found_in(str(row), gone):
            assert now == row
            continue
        names.discard(row["ce_type"].split(".")[-2])
        assert not found_in(str(now), gone)
        told, was = decode(json.loads(now["headers"]), now["payload"]), json.loads(row["headers"])
        event = told.event
        assert isinstance(event, EventErased)
        today = datetime.now(UTC).date()
        assert (event.event_id, event.erased_type) == (row["event_id"], row["ce_type"])
        assert abs((today - event.erased_on).days) <= 1
        record = encode(event, told.envelope, topic=f"partner-{row['code']}-v1")
        assert json.loads(now["headers"]) == {name: text.decode() for name, text in record.headers}
        assert (now["payload"], now["subject"].encode()) == (record.value, record.key)
        assert [was[name] for name in ("ce_id", "ce_time", "ce_source")] == [
            json.loads(now["headers"])[name] for name in ("ce_id", "ce_time", "ce_source")
        ]
    assert not names, "snapshots and what takes them back are about the person too"
    # All that is new is the erasure, told to everybody who was told of the person.
    assert {(code, row["ce_type"]) for (code, _), row in kept.items()} == {(row["code"], ERASED) for row in before}

    readings = await everything_read(service, headers, len(ids) + 1)
    for name, events in readings.items():
        assert len(events) == len(ids) + 1, name
        assert ERASED in events[-1], name
        assert not [one for one in events[:-1] if found_in(one, gone)], name
        assert "".join(events).count(str(there.referral)) > 0, name
    stream = [json.loads(one) for one in readings["page"]]
    assert [one["id"] for one in stream[:-1]] == ids
    digest = hashlib.sha256(b"".join(UUID(one["id"]).bytes for one in stream)).hexdigest()
    days = (await service.http.get("/feed/digest", headers=headers)).json()["days"]
    assert len(days) > 1 or days[0]["sha256"] == digest
    # A cursor from before goes on, and both whoever had read it all and whoever begins now can prove it.
    assert (await read(service, headers, after=middle, limit=500))["events"] == stream[5:]
    for folder, begins in (("reader", len(ids)), ("another", 0)):
        async with AsyncFeed(service.url, **credentials, state=tmp_path / folder) as feed:
            received = [one async for one in feed.until_now()]
            assert [one.sequence for one in received] == list(range(begins + 1, len(ids) + 2))
            assert all(one.decoded for one in received)
            assert all(await feed.verify()), folder
    for types, wanted in ((GONE, {GONE}), ("referrals.referral.*", {type_of(ReferralSubmitted)})):
        page = await read(service, headers, types=types)
        assert {one["type"] for one in page["events"]} == wanted


async def test_what_was_erased_is_explained_without_saying_of_whom(world: World) -> None:
    gone = Case(world.ids)
    await world.service.organisation("cd94", collectivities=["94D"])
    headers = await world.service.client_of("cd93")
    submitted, *others = gone.told()
    event_id = id_of(submitted)
    await world.tell([submitted, *others, gone.erasure()])

    own = await world.service.http.get("/explanations", params={"event_id": event_id}, headers=headers)
    told = await world.service.call("GET", f"/organisations/cd94/explanations?event_id={event_id}")

    assert (own.json()["code"], own.json()["type"]) == ("received", type_of(ReferralSubmitted))
    assert [one["code"] for one in own.json()["since"]] == ["person_erased"]
    assert (told.json()["code"], told.json()["received"]) == ("person_erased", False)
    assert not found_in(own.text + told.text, gone)


async def test_an_erasure_that_fails_on_its_way_leaves_everything_and_one_that_ends_nothing(world: World) -> None:
    gone = Case(world.ids)
    await world.tell(gone.told())
    before = await world.rows()
    persons = next(one for one in subscriptions(SystemClock()) if one.topic == topic_for(PersonErased).name)
    many = persons.many
    assert many is not None

    async def broken_off(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        await many(tx, deliveries)
        assert await tx.fetchval("SELECT count(*) FROM stream_events WHERE ce_type = $1", GONE) == len(before)
        raise DependencyDown("the database goes away")

    clock, erasure = SystemClock(), gone.erasure()
    failing = Processor("partners", Subscription(persons.topic, many=broken_off, many_types=persons.many_types),
                        world.db, clock, Doorbell())  # fmt: skip
    with pytest.raises(DependencyDown):
        await failing.process([erasure])
    assert await world.rows() == before

    await world.tell([erasure, erasure])
    left = [row for row in await world.rows() if found_in(str(row), gone)]
    assert {row["ce_type"] for row in left} == {ERASED}
    assert len(left) == len({row["code"] for row in before})


async def test_what_an_earlier_version_left_is_erased_in_the_background(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def left_as_they_are(_: Tx, __: Sequence[UUID]) -> int:
        return 0

    cases, there = [Case(world.ids) for _ in range(3)], Case(world.ids)
    for case in (*cases, there):
        await world.tell(case.told())
    with monkeypatch.context() as earlier:
        earlier.setattr("partners.adapters.postgres.streams.erase_rows", left_as_they_are)
        await world.tell([case.erasure() for case in cases])
    before = await world.rows()
    async with world.db.transaction() as tx:
        # Nor did it know of everything: the migration finds it by what streams hold.
        steps = await tx.fetch("DELETE FROM known_steps RETURNING step_id, kind, referral_id")
        persons = await tx.fetch("DELETE FROM known_persons RETURNING referral_id, subject_ref")
        await tx.execute((files("partners") / "migrations" / "0014_steps_told.sql").read_text("utf-8"))
        again = await tx.fetch("SELECT step_id, kind, referral_id FROM known_steps")
        assert sorted(map(tuple, again)) == sorted(map(tuple, steps))
        assert len(steps) == 4 * 3
        again = await tx.fetch("SELECT referral_id, subject_ref FROM known_persons")
        assert sorted(map(tuple, again)) == sorted(map(tuple, persons))

    async with world.db.connection() as tx:
        # What is given up is the sweep's: it may be deleting it.
        await tx.execute("UPDATE partner_stream SET purged_position = 1 WHERE code = 'asso1'")
    assert await erase_left_rows(world.db, persons_max=2) > 0
    assert await erase_left_rows(world.db, persons_max=2) == 0

    after = await world.rows()
    assert (after[0]["code"], after[0]) == ("asso1", before[0])
    del after[0], before[0]
    assert [row["event_id"] for row in after] == [row["event_id"] for row in before]
    for case in cases:
        assert {row["ce_type"] for row in after if found_in(str(row), case)} == {ERASED}
    mine = [row for row in before if found_in(str(row), there)]
    assert mine == [row for row in after if found_in(str(row), there)]
    assert mine
