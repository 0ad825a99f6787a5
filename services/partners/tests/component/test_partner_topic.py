"""A council reads its own topic with an ordinary Kafka client, and nothing but its own topic."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import jsonschema
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import TopicPartition

from chassis.testing.events import AT, example
from maillage.testing.servers import KafkaServer
from maillage_contracts import (
    AccompanimentPlanChanged,
    AccompanimentProposed,
    Routing,
)

from .kafka_client import TRACE, consumer, header, ids_of, is_shut_out, refer, send
from .reading import read_with_the_library

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

SCHEMAS = Path(__file__).parents[4] / "contracts" / "schemas"
WAIT_SECONDS = 30
REVOKED_SECONDS = 10
"""What is taken away is taken away everywhere within that."""


@pytest.fixture
async def service(run_partners: Any, kafka_server: KafkaServer, bus: Any) -> AsyncIterator[Service]:
    """A partners process with both listeners of a real broker."""
    addresses: dict[str, Any] = {
        "kafka_bootstrap": kafka_server.bootstrap,
        "kafka_partner_bootstrap": kafka_server.partner_bootstrap,
    }
    async with run_partners(**addresses) as service:
        # The topics outlive a test: what other tests left there is no event of an organisation made from now on.
        await until_caught_up(kafka_server.bootstrap)
        yield service


async def until_caught_up(bootstrap: str) -> None:
    """Wait until every consumer of the service has committed whatever its topic holds now."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        groups = [name for name, _ in await admin.list_consumer_groups() if name.startswith("partners-")]
        assert groups, "the service consumes"
        reader = AIOKafkaConsumer(
            *(group.removeprefix("partners-") for group in groups), bootstrap_servers=bootstrap, group_id=None
        )
        await reader.start()
        ends = await reader.end_offsets(list(reader.assignment()))
        await reader.stop()
        async with asyncio.timeout(WAIT_SECONDS):
            for group in groups:
                mine = [(where, end) for where, end in ends.items() if f"partners-{where.topic}" == group and end]
                while not await _committed(admin, group, mine):
                    await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def _committed(admin: AIOKafkaAdminClient, group: str, ends: list[tuple[TopicPartition, int]]) -> bool:
    found = await admin.list_consumer_group_offsets(group)
    return all(where in found and found[where].offset >= end for where, end in ends)


@pytest.fixture
def code() -> Callable[[str], str]:
    """Organisation codes that no other test has: topics and users outlive a test."""
    suffix = uuid4().hex[:8]
    return lambda stem: f"{stem}{suffix}"


async def grant(service: Service, code: str) -> dict[str, Any]:
    """Ask for access and wait until it is ready; return what a council is told."""
    path = f"/organisations/{code}/kafka-access"
    answer = await service.call("PUT", path)
    assert answer.status_code == 202
    told: dict[str, Any] = answer.json()

    async def ready() -> bool:
        return bool((await service.call("GET", path)).json()["ready"])

    await service.until(ready)
    return told


async def read(told: dict[str, Any], count: int) -> list[ConsumerRecord[bytes, bytes]]:
    found: list[ConsumerRecord[bytes, bytes]] = []
    reader = consumer(told)
    try:
        await reader.start()
        async with asyncio.timeout(WAIT_SECONDS):
            while len(found) < count:
                for records in (await reader.getmany(timeout_ms=200)).values():
                    found += records
        await reader.commit()
    finally:
        await reader.stop()
    return found


async def until_it_reads_no_more(opened: AIOKafkaConsumer) -> None:
    """Read on with a connection that was open, until the broker refuses it; fails when that takes ten seconds."""

    async def read_on() -> None:
        while True:
            await opened.getmany(timeout_ms=200)

    try:
        with pytest.raises((TopicAuthorizationFailedError, GroupAuthorizationFailedError)):
            await asyncio.wait_for(read_on(), REVOKED_SECONDS)
    finally:
        await opened.stop()


async def length(bootstrap: str, topic: str) -> int:
    watching = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await watching.start()
    try:
        partition = TopicPartition(topic, 0)
        return int((await watching.end_offsets([partition]))[partition])
    finally:
        await watching.stop()


async def refused(client: AIOKafkaConsumer) -> type[Exception]:
    """Return why a client gets nothing; fails when it does get something."""
    try:
        await client.start()
        await asyncio.wait_for(client.getone(), 5)
    except KafkaError as error:
        return type(error)
    finally:
        await client.stop()
    raise AssertionError("nothing was refused")


async def feed(service: Service, headers: dict[str, str], count: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    cursor = ""
    async with asyncio.timeout(WAIT_SECONDS):
        while len(events) < count:
            answer = await service.http.get("/feed", params={"after": cursor, "wait": 5}, headers=headers)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            events += page["events"]
            cursor = page["cursor"]
    return events


async def test_council_reads_its_events_from_topic_and_feed_alike_and_a_neighbour_sees_nothing(
    service: Service, bus: AIOKafkaProducer, code: Callable[[str], str], kafka_server: KafkaServer
) -> None:
    association = await service.organisation(code("asso"), "association")
    await service.organisation(code("cd93"), collectivities=["93D"])
    await service.organisation(code("cd94"), collectivities=["94D"])
    reader, neighbour = await service.client_of(code("cd93")), await service.client_of(code("cd94"))
    sent = await refer(bus, association, "93048")
    await feed(service, reader, 2)

    told = await grant(service, code("cd93"))
    aside = await grant(service, code("cd94"))
    sent += await refer(bus, association, "93066")
    records = await read(told, 4)
    events = await feed(service, reader, 4)

    assert told["topic"] == f"partner-{code('cd93')}-v1"
    assert [header(record, "ce_id") for record in records] == [str(one) for one in sent]
    assert [event["id"] for event in events] == [str(one) for one in sent]
    assert await asyncio.to_thread(read_with_the_library, told, 4) == [str(one) for one in sent]
    assert [event["sequence"] for event in events] == ["1", "2", "3", "4"]
    assert [json.loads(record.value or b"") for record in records] == [event["data"] for event in events]
    for record, event in zip(records, events, strict=True):
        stem = event["type"].removeprefix("fr.maillage.")
        schema = json.loads((SCHEMAS / f"{stem}.schema.json").read_bytes())
        jsonschema.validate(json.loads(record.value or b""), schema, cls=jsonschema.Draft202012Validator)
        assert header(record, "ce_source") == event["source"] == f"/partners/{code('cd93')}"
        assert header(record, "ce_traceparent").split("-")[1] == TRACE.split("-")[1]
        assert header(record, "ce_traceparent") != TRACE
    assert (await service.http.get("/feed", headers=neighbour)).json()["events"] == []
    assert await length(kafka_server.bootstrap, aside["topic"]) == 0


async def test_reader_goes_back_to_an_offset_or_to_a_moment_and_on_from_there(
    service: Service, bus: AIOKafkaProducer, code: Callable[[str], str]
) -> None:
    association = await service.organisation(code("asso"), "association")
    await service.organisation(code("cd93"), collectivities=["93D"])
    before = AT - timedelta(days=10)
    reader = await service.client_of(code("cd93"))
    await refer(bus, association, "93048", before)
    await feed(service, reader, 2)
    await refer(bus, association, "93066")
    ids = [event["id"] for event in await feed(service, reader, 4)]
    # All four are published at the grant: the broker's own time tells none of them from another.
    told = await grant(service, code("cd93"))

    def again(count: int, start_at: int | datetime | None = None) -> Awaitable[list[str]]:
        return asyncio.wait_for(asyncio.to_thread(read_with_the_library, told, count, start_at), WAIT_SECONDS)

    assert await again(4) == ids
    assert await again(3, 1) == ids[1:]
    assert await again(2, AT - timedelta(days=1)) == ids[2:]
    assert await again(4, before) == ids
    # Asking for the second event committed the first: without a place to start, the group goes on from there.
    assert await again(2, 0) == ids[:2]
    assert await again(3) == ids[1:]


async def test_council_is_refused_whatever_is_not_its_own(service: Service, code: Callable[[str], str]) -> None:
    await service.organisation(code("cd93"), collectivities=["93D"])
    # Another organisation whose code begins alike: prefixes must not overlap.
    await service.organisation(code("cd93") + "x", collectivities=["94D"])
    told, other = await grant(service, code("cd93")), await grant(service, code("cd93") + "x")

    assert await refused(consumer(told, other["topic"])) is TopicAuthorizationFailedError
    assert await refused(consumer(told, "referrals-referral-v1")) is TopicAuthorizationFailedError
    assert await refused(consumer(told, group="another-group")) is GroupAuthorizationFailedError
    assert await refused(consumer(told, group=f"{other['group_prefix']}reader")) is GroupAuthorizationFailedError
    assert await refused(consumer(told, sasl_plain_password="wrong")) is KafkaConnectionError
    writing = AIOKafkaProducer(
        bootstrap_servers=told["bootstrap"],
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=told["username"],
        sasl_plain_password=told["password"],
    )
    await writing.start()
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await writing.send_and_wait(told["topic"], b"{}")
    finally:
        await writing.stop()


async def test_employment_service_reads_what_names_it_and_is_refused_whatever_is_not_its_own(
    service: Service, bus: AIOKafkaProducer, code: Callable[[str], str]
) -> None:
    association = await service.organisation(code("asso"), "association")
    council = await service.organisation(code("cd93"), collectivities=["93D"])
    employment = await service.organisation(code("ft"), "employment_service", collectivities=["93D"])
    neighbour = await service.organisation(code("ft") + "x", "employment_service", collectivities=["93D"])
    told, other = await grant(service, code("ft")), await grant(service, code("ft") + "x")
    routing = Routing(
        commune="93048",
        referrer_organisation_id=association["organisation_id"],
        receiver_organisation_id=council["organisation_id"],
        sender_kind="association",
        employment_organisation_id=employment["organisation_id"],
    )
    elsewhere = routing.model_copy(update={"employment_organisation_id": UUID(neighbour["organisation_id"])})
    proposed = example(AccompanimentProposed, routing=routing)

    # Of the same accompaniment: one key, so that they are read in this order.
    sent = [await send(bus, proposed)]
    await send(bus, example(AccompanimentProposed, accompaniment_id=proposed.accompaniment_id, routing=elsewhere))
    sent.append(
        await send(bus, example(AccompanimentPlanChanged, accompaniment_id=proposed.accompaniment_id, routing=routing))
    )
    records = await read(told, 2)
    events = await feed(service, await service.client_of(code("ft")), 2)

    assert [header(record, "ce_id") for record in records] == [str(one) for one in sent]
    assert [event["id"] for event in events] == [str(one) for one in sent]
    assert [record.key for record in records] == [str(proposed.accompaniment_id).encode()] * 2
    assert len(await read(other, 1)) == 1
    assert await refused(consumer(told, other["topic"])) is TopicAuthorizationFailedError
    for internal in ("referrals-accompaniment-v1", "registration-appointment-v1", "training-enrolment-v1"):
        assert await refused(consumer(told, internal)) is TopicAuthorizationFailedError
    assert await refused(consumer(told, group=f"{other['group_prefix']}reader")) is GroupAuthorizationFailedError


async def test_password_is_shown_once_and_forgotten_once_the_broker_has_it(
    service: Service, db: Any, code: Callable[[str], str]
) -> None:
    await service.organisation(code("cd93"), collectivities=["93D"])
    path = f"/organisations/{code('cd93')}/kafka-access"
    assert (await service.call("GET", path)).status_code == 404

    told = await grant(service, code("cd93"))

    again = await service.call("PUT", path)
    assert again.status_code == 200
    assert "password" in told
    assert "password" not in again.json()
    async with db.connection() as connection:
        row = await connection.fetchrow("SELECT state, sealed_password, sealing_key FROM kafka_accesses")
    assert tuple(row) == ("granted", None, None)


async def test_revoked_access_reads_nothing_and_a_new_grant_goes_on_without_a_gap(
    service: Service, bus: AIOKafkaProducer, code: Callable[[str], str], db: Any, kafka_server: KafkaServer
) -> None:
    association = await service.organisation(code("asso"), "association")
    await service.organisation(code("cd93"), collectivities=["93D"])
    reader = await service.client_of(code("cd93"))
    told = await grant(service, code("cd93"))
    await refer(bus, association, "93048")
    path = f"/organisations/{code('cd93')}/kafka-access"
    assert len(await read(told, 2)) == 2
    opened = consumer(told, group=f"{told['group_prefix']}open")
    await opened.start()
    assert len(await ids_of(opened, 2)) == 2

    assert (await service.call("DELETE", path)).status_code == 202
    await until_it_reads_no_more(opened)

    async def revoked() -> bool:
        return bool((await service.call("GET", path)).json()["state"] == "revoked")

    await service.until(revoked)
    await service.until(lambda: is_shut_out(told))
    await refer(bus, association, "93048")
    events = await feed(service, reader, 4)
    async with db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox WHERE aggregatetype = $1", told["topic"]) == 0
    assert await length(kafka_server.bootstrap, told["topic"]) == 2

    anew = await grant(service, code("cd93"))
    found = consumer(anew, group=f"{anew['group_prefix']}other")
    assert anew["password"] != told["password"]
    await found.start()
    records: list[ConsumerRecord[bytes, bytes]] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while len(records) < 4:
            for batch in (await found.getmany(timeout_ms=200)).values():
                records += batch
    await found.stop()
    assert [header(record, "ce_id") for record in records] == [event["id"] for event in events]


async def test_tokens_of_a_revoked_client_are_refused_within_seconds(
    service: Service, bus: AIOKafkaProducer, code: Callable[[str], str]
) -> None:
    await service.organisation(code("cd93"), collectivities=["93D"])
    created = (await service.call("POST", f"/organisations/{code('cd93')}/clients")).json()
    headers = await service.headers(created["client_id"], created["client_secret"])
    assert (await service.http.get("/feed", headers=headers)).status_code == 200

    await service.call("DELETE", f"/organisations/{code('cd93')}/clients/{created['client_id']}")

    async def refused() -> bool:
        answer = await service.http.get("/feed", headers=headers)
        return bool(answer.status_code == 401 and answer.json()["code"] == "token_revoked")

    await service.until(refused)
