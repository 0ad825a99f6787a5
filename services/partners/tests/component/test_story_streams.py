"""Every event of a story, in the stream of everybody who is a party to it, and in nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any, TypeAlias
from uuid import UUID, uuid4, uuid5

import pytest

from chassis.clock import SystemClock
from chassis.consumer import Processor
from chassis.db import Database, Tx
from chassis.outbox import Doorbell
from chassis.records import Delivery
from chassis.testing.events import AT, example, source_of_event
from maillage_contracts import (
    MODELS,
    PARTNER_TOPIC,
    AccompanimentActivated,
    AccompanimentEnded,
    AccompanimentProposed,
    AppointmentBooked,
    EnrolmentConfirmed,
    Event,
    PersonErased,
    PersonTierChanged,
    ReferralSubmitted,
    Routing,
    decode_value,
    topic_for,
)
from partners.adapters.subscribers import subscriptions

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

STORY = [MODELS[ce_type] for ce_type in PARTNER_TOPIC.relayed_types if ce_type != PersonErased.event_type]
"""Every type that a party may be told, except the erasure."""

WITHHELD = {
    "registration.person.tier_changed",
    "registration.appointment.missed",
    "referrals.accompaniment.plan_changed",
    "referrals.accompaniment.term_due",
    "referrals.accompaniment.review_due",
    "referrals.accompaniment.reviewed",
}
"""What an association is not told of its own referral."""

ORGANISATIONS: dict[str, tuple[str, dict[str, list[str]]]] = {
    "asso1": ("association", {}),
    "asso2": ("association", {"communes": ["93048"]}),
    "cd93": ("council", {"collectivities": ["93D"]}),
    "cd94": ("council", {"collectivities": ["94D"]}),
    "ft93": ("employment_service", {"collectivities": ["93D"]}),
    "ft93b": ("employment_service", {"collectivities": ["93D"]}),
    "of93": ("training_provider", {"communes": ["93048"]}),
    "of94": ("training_provider", {}),
}


def referral_of(person: UUID) -> UUID:
    """Return the referral that a person's steps follow from."""
    return uuid5(person, "referral")


class Bus:
    """The topics that partners read, delivered to it directly, a batch a topic."""

    def __init__(self, db: Database, ids: dict[str, UUID]) -> None:
        clock = SystemClock()
        self.ids = ids
        self.processors = {one.topic: Processor("partners", one, db, clock, Doorbell()) for one in subscriptions(clock)}
        self._db = db

    @property
    def routing(self) -> Routing:
        """The routing of a story between asso1, cd93, ft93 and of93."""
        return Routing(
            commune="93048",
            referrer_organisation_id=self.ids["asso1"],
            receiver_organisation_id=self.ids["cd93"],
            sender_kind="association",
            employment_organisation_id=self.ids["ft93"],
        )

    def event(self, model: type[Event], person: UUID, **changes: Any) -> Event:
        """An event of that story, from the contracts' examples."""
        routing = self.routing
        if model.aggregate_field == "enrolment_id":
            routing = routing.model_copy(update={"training_organisation_id": self.ids["of93"]})
        ids = {"referral_id": referral_of(person), model.aggregate_field: uuid4()}
        return example(model, subject_ref=person, routing=routing, **ids, **changes)

    def persons_event(self, model: type[Event], person: UUID, **changes: Any) -> Event:
        return example(model, subject_ref=person, referral_id=referral_of(person), routing=self.routing, **changes)

    async def deliver(self, *events: Event) -> None:
        by_topic: dict[str, list[Event]] = {}
        for event in events:
            by_topic.setdefault(topic_for(event).name, []).append(event)
        for topic, batch in by_topic.items():
            await self.processors[topic].process([source_of_event(event) for event in batch])

    async def told(self, code: str) -> list[tuple[str, Any]]:
        """Type and event of everything in a stream, whose positions have no gap."""
        async with self._db.connection() as tx:
            rows = await tx.fetch(
                "SELECT position, ce_type, payload FROM stream_events WHERE organisation_id = $1 ORDER BY position",
                self.ids[code],
            )
        assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
        return [
            (row["ce_type"][len("fr.maillage.") : -len(".v1")], decode_value(row["ce_type"], row["payload"]))
            for row in rows
        ]

    async def types_told(self, code: str) -> list[str]:
        return [name for name, _ in await self.told(code)]


@pytest.fixture
async def bus(service: Service, db: Database) -> Bus:
    """Eight organisations of four kinds, and the topics."""
    registered = {
        code: await service.organisation(code, kind, **places) for code, (kind, places) in ORGANISATIONS.items()
    }
    return Bus(db, {code: UUID(one["organisation_id"]) for code, one in registered.items()})


def names(models: Sequence[type[Event]]) -> set[str]:
    return {model.event_type[len("fr.maillage.") : -len(".v1")] for model in models}


def events_of(bus: Bus, person: UUID) -> list[Event]:
    """One event of each type of the story."""
    return [
        bus.persons_event(model, person) if model.aggregate_field == "subject_ref" else bus.event(model, person)
        for model in STORY
    ]


async def test_each_party_is_told_what_is_its_own_and_nobody_else_anything(bus: Bus, db: Database) -> None:
    async with db.connection() as tx:
        await tx.execute("UPDATE partner_stream SET kafka_ready_at = now()")
        await tx.execute("DELETE FROM outbox")

    await bus.deliver(*events_of(bus, uuid4()))

    everything = names(STORY)
    told = {code: await bus.types_told(code) for code in ORGANISATIONS}
    assert all(len(types) == len(set(types)) for types in told.values())
    assert set(told["cd93"]) == set(told["ft93"]) == everything
    assert everything - set(told["asso1"]) == WITHHELD
    assert set(told["of93"]) == {name for name in everything if name.startswith("training.enrolment.")}
    # A territory says where an employment service can be asked; it gives it no events, nor a provider.
    assert [told[code] for code in ("asso2", "cd94", "ft93b", "of94")] == [[], [], [], []]
    async with db.connection() as tx:
        sent = await tx.fetch("SELECT aggregatetype, type FROM outbox ORDER BY position")
        assert await tx.fetchval("SELECT count(*) FROM dead_letters") == 0
    for code in ("asso1", "cd93", "ft93", "of93"):
        on_topic = [row["type"] for row in sent if row["aggregatetype"] == f"partner-{code}-v1"]
        assert on_topic == [f"fr.maillage.{name}.v1" for name in told[code]]


async def test_no_stream_but_the_councils_counts_a_persons_referrals(bus: Bus) -> None:
    person = uuid4()
    counted = [bus.persons_event(model, person, aggregate_version=7) for model in STORY if "person" in model.event_type]
    await bus.deliver(*counted, bus.event(EnrolmentConfirmed, person))
    told_of_person = await bus.told("asso1")

    def versions(told: list[tuple[str, Any]]) -> list[int]:
        return [event.aggregate_version for name, event in told if name.startswith("registration.person.")]

    before = {code: versions(await bus.told(code)) for code in ("cd93", "asso1", "ft93", "of93")}
    await bus.deliver(example(PersonErased, subject_ref=person, aggregate_version=8))

    # What came before is erased where it stood: an erasure is all that is left of a person.
    found = {code: before[code] + versions(await bus.told(code)) for code in before}
    assert found.pop("cd93") == [7, 7, 8]
    for versions_told in found.values():
        assert versions_told
        assert not {7, 8} & set(versions_told)
        assert versions_told[-1] == max(versions_told), "an erasure is older than nothing"
    outcomes = {event.outcome for name, event in told_of_person if name.endswith(".identified")}
    assert outcomes == {"identified"}


async def test_erasure_reaches_every_kind_that_was_told_by_whichever_topic(bus: Bus) -> None:
    person = uuid4()
    await bus.deliver(bus.event(AccompanimentProposed, person), bus.event(EnrolmentConfirmed, person))

    await bus.deliver(example(PersonErased, subject_ref=person))

    told = {code: (await bus.types_told(code))[-1:] for code in ORGANISATIONS}
    erased = ["registration.person.erased"]
    assert {code for code, last in told.items() if last == erased} == {"asso1", "cd93", "ft93", "of93"}
    assert [told[code] for code in ("asso2", "cd94", "ft93b", "of94")] == [[], [], [], []]


async def test_nothing_follows_an_erasure_when_other_topics_come_later(bus: Bus, db: Database) -> None:
    person, other = uuid4(), uuid4()
    await bus.deliver(bus.event(AccompanimentProposed, person))
    await bus.deliver(example(PersonErased, subject_ref=person))
    # A person nobody was told of: their events may come after the erasure all the same.
    await bus.deliver(example(PersonErased, subject_ref=other))

    for late in (person, other):
        await bus.deliver(
            bus.event(AccompanimentEnded, late),
            bus.event(AppointmentBooked, late),
            bus.event(EnrolmentConfirmed, late),
            bus.persons_event(PersonTierChanged, late),
        )

    assert await bus.types_told("ft93") == ["partners.stream.event_erased", "registration.person.erased"]
    assert await bus.types_told("of93") == []
    async with db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_erasure_waits_for_whoever_is_being_told_of_the_person_at_that_moment(bus: Bus, db: Database) -> None:
    """No row is shared before the first commits: only the gate can keep the two apart."""
    person = uuid4()
    inside, may_leave = asyncio.Event(), asyncio.Event()
    accompaniments = bus.processors["referrals-accompaniment-v1"].subscription
    many = accompaniments.many
    assert many is not None

    async def held(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        await many(tx, deliveries)
        inside.set()
        await may_leave.wait()

    slow = Processor("partners", replace(accompaniments, many=held), db, SystemClock(), Doorbell())
    telling = asyncio.create_task(slow.process([source_of_event(bus.event(AccompanimentActivated, person))]))
    await inside.wait()
    erasing = asyncio.create_task(bus.deliver(example(PersonErased, subject_ref=person)))
    async with db.connection() as tx, asyncio.timeout(5):
        while not await tx.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert not erasing.done(), "the erasure looked before everybody had been told"
    may_leave.set()
    await asyncio.gather(telling, erasing)

    for code in ("asso1", "cd93", "ft93"):
        assert await bus.types_told(code) == ["partners.stream.event_erased", "registration.person.erased"]


async def test_council_that_narrows_is_told_no_more_and_still_of_the_erasure(service: Service, bus: Bus) -> None:
    person = uuid4()
    await bus.deliver(bus.event(AccompanimentProposed, person))
    await service.call("PUT", "/organisations/cd93/territory", json={"communes": ["69123"]})
    await service.call("PUT", "/organisations/ft93/territory", json={"communes": ["69123"]})

    tier = bus.persons_event(PersonTierChanged, person)
    await bus.deliver(bus.event(AccompanimentActivated, person), tier, example(PersonErased, subject_ref=person))

    assert await bus.types_told("cd93") == ["partners.stream.event_erased", "registration.person.erased"]
    # Of the batch itself, too, nothing is left but the erasure.
    assert await bus.types_told("ft93") == [*["partners.stream.event_erased"] * 3, "registration.person.erased"]


@pytest.mark.parametrize(
    "model",
    [ReferralSubmitted, AccompanimentActivated, AppointmentBooked, EnrolmentConfirmed, PersonTierChanged, PersonErased],
    ids=lambda model: model.__name__,
)
async def test_statements_are_the_same_number_when_the_batch_is_a_hundred_times_larger(
    bus: Bus, dsn: str, db: Database, model: type[Event]
) -> None:
    counts = []
    for size in (2, 200):
        people = [uuid4() for _ in range(size)]
        if model is PersonErased:
            await bus.deliver(*[bus.event(AccompanimentProposed, person) for person in people])
        make = bus.persons_event if model.aggregate_field == "subject_ref" else bus.event
        events = [make(model, person) for person in people]
        counting = Database(dsn, size=1, application="counting")
        seen: list[str] = []
        async with counting.connection() as connection:
            connection.add_query_logger(lambda logged, seen=seen: seen.append(logged.query))
            held: Any = connection
        await Bus(counting, bus.ids).deliver(*events)
        del held
        await counting.close()
        counts.append(len(seen))

    assert counts[0] == counts[1] > 0
    assert len(await bus.told("cd93")) >= 202


async def test_those_told_before_the_upgrade_are_found_by_an_erasure(
    bus: Bus, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Migration 0003 reads streams as 0002 left them: an erasure rewrote nothing then."""

    async def left_as_they_are(_: Tx, __: Sequence[UUID]) -> int:
        return 0

    monkeypatch.setattr("partners.adapters.postgres.streams.erase_rows", left_as_they_are)
    person, gone = uuid4(), uuid4()
    [identified] = [model for model in STORY if model.__name__ == "PersonIdentified"]
    await bus.deliver(*[bus.persons_event(identified, one) for one in (person, gone)])
    await bus.deliver(example(PersonErased, subject_ref=gone, erased_at=AT))
    async with db.transaction() as tx:
        before = await everybody(tx)
        await tx.execute("DROP TABLE told_persons, erased_persons")
        await tx.execute(migration("0003_told_persons.sql"))
        assert await everybody(tx) == before
        assert [person for person, _ in before[0]] == sorted([person] * 3 + [gone] * 3)
        assert before[1] == [gone]


async def everybody(tx: Tx) -> tuple[list[Any], list[UUID]]:
    told = await tx.fetch("SELECT subject_ref, organisation_id FROM told_persons ORDER BY 1, 2")
    erased = await tx.fetch("SELECT subject_ref FROM erased_persons ORDER BY 1")
    return [tuple(row) for row in told], [row["subject_ref"] for row in erased]


def migration(name: str) -> str:
    return (files("partners") / "migrations" / name).read_text("utf-8")
