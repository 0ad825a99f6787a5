"""Projections rebuilt from a real broker in an empty database, and compared with the live ones: equal, or where not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from fastapi import FastAPI
from pydantic import SecretStr

from chassis import directory, projections
from chassis.app import Parts, build_app
from chassis.clock import SystemClock
from chassis.consumer import Processor, Subscription
from chassis.db import Database, Tx
from chassis.errors import SettingsRefused
from chassis.ids import new_id
from chassis.kafka import build_broker
from chassis.outbox import Doorbell
from chassis.projections import Projection, Projections, subscriptions_for
from chassis.reading import Reading
from chassis.rebuild import Rebuild, ReplayRefused
from chassis.records import Delivery, Source
from chassis.runtime import build_runtime
from chassis.settings import ServiceSettings
from chassis.subscribe import subscribe
from chassis.testing.events import example, received, source_of_event, submitted
from chassis.testing.kafka import create_topic
from maillage_contracts import Event, OrganisationRegistered, ReferralReceived, ReferralSubmitted, topic_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]
TABLES = """
CREATE TABLE seeds (subject uuid PRIMARY KEY, secret text);
CREATE TABLE standings (
    referral_id uuid PRIMARY KEY REFERENCES seeds, version bigint, commune text, seen_at timestamptz DEFAULT now()
)
"""
STAND = """
INSERT INTO standings AS s (referral_id, version, commune)
SELECT DISTINCT ON (id) id, version, commune
FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS t(id, version, commune)
ORDER BY id, version DESC
ON CONFLICT (referral_id) DO UPDATE SET version = excluded.version WHERE s.version < excluded.version
"""
# Not when it was seen: that is the hour's.
COMPARED = "SELECT referral_id AS key, referral_id, version, commune FROM standings"


async def stand(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    events: list[Any] = [delivery.event for delivery in deliveries]
    await tx.execute(
        STAND,
        [e.referral_id for e in events], [e.aggregate_version for e in events], [e.routing.commune for e in events],
    )  # fmt: skip


@dataclass
class Service:
    """A service with one projection, its live database and its two topics."""

    bootstrap: str
    topic: str
    live_dsn: str
    make: Callable[[], Awaitable[str]]

    def app(self, dsn: str) -> FastAPI:
        settings = ServiceSettings(
            stack="test", http_port=1, database_dsn=SecretStr(dsn), kafka_bootstrap=self.bootstrap
        )
        types: frozenset[type[Event]] = frozenset({ReferralSubmitted, ReferralReceived})
        return build_app(
            build_runtime("testing", settings),
            Parts(
                subscriptions=[Subscription(self.topic, many=stand, many_types=types)],
                projections=Projections(
                    tables=[Projection("standings", COMPARED, (ReferralSubmitted,))],
                    seeds={"seeds": "SELECT subject, NULL::text AS secret FROM seeds"},
                ),
            ),
        )

    async def rebuild(
        self, *, what_is_left: bool = False, told: list[Mapping[str, Any]] | None = None
    ) -> dict[str, Any]:
        report = (told if told is not None else []).append
        result = await Rebuild(self.app(await self.make()), self.live_dsn, report).run(what_is_left=what_is_left)
        return result.document()

    async def publish(self, sources: Sequence[Source], topic: str = "") -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, enable_idempotence=True)
        await producer.start()
        futures = [
            await producer.send(topic or self.topic, s.value, key=s.key, headers=list(s.headers)) for s in sources
        ]
        await asyncio.gather(*futures)
        await producer.stop()

    async def execute(self, statement: str, *values: Any) -> list[Any]:
        db = Database(self.live_dsn, size=2, application="test")
        try:
            async with db.connection() as connection:
                return list(await connection.fetch(statement, *values))
        finally:
            await db.close()

    async def know(self, referrals: Sequence[UUID]) -> None:
        sql = "INSERT INTO seeds SELECT id, 'never copied' FROM unnest($1::uuid[]) AS t(id)"
        await self.execute(sql, list(referrals))

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Run the live service's consumers; at the end they have read what there was."""
        app = self.app(self.live_dsn)
        runtime = app.state.runtime
        broker = build_broker(runtime.settings, "testing")
        for one in (*app.state.parts.subscriptions, *runtime.directory.subscriptions()):
            processor = Processor("testing", one, runtime.background_db, SystemClock(), Doorbell())
            subscribe(broker, processor, instance="0")
        await broker.start()
        try:
            yield
        finally:
            await broker.stop()
            await runtime.background_db.close()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while (await self.execute("SELECT count(*) FROM inbox"))[0][0] < count:
                await asyncio.sleep(0.1)


@pytest.fixture
async def service(
    database: Callable[[str | None], Awaitable[str]], kafka_server: Any, monkeypatch: pytest.MonkeyPatch
) -> Service:
    """A service whose topics are this test's own."""
    topic, organisations = [await create_topic(kafka_server.bootstrap) for _ in range(2)]
    own = {"referrals-referral-v1": topic, "partners-organisation-v1": organisations}

    def own_topic_for(event: Any) -> Any:
        found = topic_for(event)
        return replace(found, name=own[found.name])

    monkeypatch.setattr(projections, "topic_for", own_topic_for)
    monkeypatch.setattr(directory, "topic_for", own_topic_for)

    async def make() -> str:
        dsn = await database("chassis")
        db = Database(dsn, size=2, application="test")
        async with db.transaction() as tx:
            await tx.execute(TABLES)
        await db.close()
        return dsn

    made = Service(kafka_server.bootstrap, topic, await make(), make)
    await made.publish([source_of_event(example(OrganisationRegistered))], organisations)
    return made


def stories(count: int, seed: int = 7) -> tuple[list[UUID], list[Source]]:
    """Return referrals, and their events: some twice, some of unknown types, some unreadable."""
    chance = random.Random(seed)
    referrals = [new_id() for _ in range(count)]
    sources: list[Source] = []
    for version in (1, 2, 3):
        for referral in referrals:
            event = submitted(referral) if version == 1 else received(referral, version)
            one = source_of_event(event)
            sources += [one, one] if chance.random() < 0.1 else [one]
            if chance.random() < 0.02:
                sources.append(replace(one, headers=[("ce_type", b"fr.maillage.a.b.c.v1")]))
    return referrals, sources


async def test_what_was_rebuilt_is_equal_and_nothing_was_touched(service: Service) -> None:
    referrals, sources = stories(500)
    await service.know(referrals)
    await service.publish(sources)
    async with service.living():
        await service.until(1501)
    before = await service.execute("SELECT (SELECT count(*) FROM inbox), (SELECT sum(version) FROM standings)")
    told: list[Mapping[str, Any]] = []

    found = await service.rebuild(told=told)

    assert found["verdict"] == "equal", found
    by_table = {one["table"]: (one["live"], one["rebuilt"], one["same"]) for one in found["tables"]}
    assert by_table["standings"] == (500, 500, 500)
    assert by_table["directory_organisations"] == (1, 1, 1)
    assert found["records"] == len(sources) + 1
    assert found["unknown_types"] > 0
    assert (told[-1]["records"], told[-1]["total"]) == (found["records"], found["records"])
    assert await service.execute(
        "SELECT (SELECT count(*) FROM inbox), (SELECT sum(version) FROM standings)"
    ) == before  # fmt: skip
    admin = AdminClient({"bootstrap.servers": service.bootstrap})
    listed = await asyncio.to_thread(lambda: admin.list_consumer_groups().result(10))
    mine = [group.group_id for group in listed.valid if service.topic in group.group_id]
    assert mine == [f"testing-{service.topic}"]


async def test_a_difference_is_counted_and_never_shown(service: Service) -> None:
    referrals, sources = stories(50)
    await service.know(referrals)
    await service.publish(sources)
    async with service.living():
        await service.until(151)
    await service.execute("UPDATE standings SET commune = '2A004' WHERE referral_id = $1", referrals[0])
    await service.execute("DELETE FROM standings WHERE referral_id = ANY ($1)", referrals[1:3])

    found = await service.rebuild()

    assert (found["verdict"], found["first_difference"]) == ("differs", "standings")
    (table,) = [one for one in found["tables"] if one["table"] == "standings"]
    assert (table["same"], table["different"], table["only_live"], table["only_rebuilt"]) == (47, 1, 0, 2)
    assert "2A004" not in str(found)
    assert str(referrals[0]) not in str(found)


async def test_events_that_come_before_the_comparison_are_caught_up_with(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    referrals, sources = stories(100)
    more, later = stories(50, seed=8)
    await service.know([*referrals, *more])
    await service.publish(sources)
    lag, came = Reading.lag, asyncio.Event()

    async def meanwhile(reading: Reading, *about: Any) -> int:
        behind = await lag(reading, *about)
        if not came.is_set():
            # Read and handled by the live service, after we had read to the end and before anything is compared.
            came.set()
            await service.publish(later)
            await service.until(451)
        return behind

    monkeypatch.setattr(Reading, "lag", meanwhile)
    async with service.living():
        await service.until(301)

        found = await service.rebuild()

    assert (found["verdict"], found["records"]) == ("equal", len(sources) + len(later) + 1), found


async def test_records_past_retention_are_a_reason_to_refuse(service: Service) -> None:
    referrals, sources = stories(60)
    await service.know(referrals)
    await service.publish(sources)
    async with service.living():
        await service.until(181)
    admin = AdminClient({"bootstrap.servers": service.bootstrap})
    futures = admin.delete_records([TopicPartition(service.topic, 0, 12)])
    await asyncio.to_thread(lambda: [future.result(10) for future in futures.values()])

    with pytest.raises(ReplayRefused) as refused:
        await service.rebuild()
    found = await service.rebuild(what_is_left=True)

    assert refused.value.code == "records_gone"
    assert found["records_gone"] == {service.topic: 12}
    # Every referral's last event is still there: its row is, as it is.
    assert found["verdict"] in {"equal", "contained"}, found


async def test_only_an_empty_database_is_filled(service: Service) -> None:
    used = await service.make()
    db = Database(used, size=2, application="test")
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO inbox VALUES ('testing-x', $1)", new_id())
    await db.close()

    for dsn, words in ((used, "not empty"), (service.live_dsn, "live")):
        with pytest.raises(SettingsRefused, match=words):
            await Rebuild(service.app(dsn), service.live_dsn, lambda _: None).run()


def test_a_table_that_needs_a_claim_check_is_no_projection() -> None:
    async def ask(_: Sequence[Delivery]) -> Mapping[UUID, Any]:
        return {}

    table = Projection("standings", COMPARED, (ReferralSubmitted,))
    with pytest.raises(ValueError, match="asks another service"):
        subscriptions_for([table], [Subscription("referrals-referral-v1", fetch=ask)])
    with pytest.raises(ValueError, match="nothing here reads"):
        subscriptions_for([table], [])
