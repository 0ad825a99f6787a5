"""Whatever somebody changes on the broker behind our back is put right and said; nobody else's users are touched."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from uuid import uuid4

import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from confluent_kafka.admin._acl import AclOperation

from chassis.testing.events import example
from maillage.testing.servers import KafkaServer
from maillage_contracts import PARTNER_TOPIC, EventErased, PersonErased, PersonIdentified, decode

from .kafka_client import TRACE, Broker, consumer, header, ids_of, is_shut_out, records_of, refer, send

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""


@pytest.fixture
async def service(run_partners: Any, kafka_server: KafkaServer, bus: Any) -> AsyncIterator[Service]:
    """A partners process that looks at the broker all the time."""
    async with run_partners(
        kafka_bootstrap=kafka_server.bootstrap,
        kafka_partner_bootstrap=kafka_server.partner_bootstrap,
        kafka_reconcile_seconds=0.1,
    ) as service:
        yield service


@pytest.fixture
def broker(kafka_server: KafkaServer) -> Broker:
    return Broker(kafka_server.bootstrap)


@pytest.fixture
def code() -> Callable[[str], str]:
    """Organisation codes that no other test has: topics and users outlive a test."""
    suffix = uuid4().hex[:8]
    return lambda stem: f"{stem}{suffix}"


class Council:
    """A council with access to Kafka, and with a client that manages what is its own."""

    def __init__(self, service: Service, code: str) -> None:
        self.service, self.code, self.path = service, code, f"/organisations/{code}/kafka-access"
        self.told: dict[str, Any] = {}
        self.client: dict[str, Any] = {}

    async def join(self) -> Council:
        await self.service.organisation(self.code, collectivities=["93D"])
        self.client = (await self.service.call("POST", f"/organisations/{self.code}/clients")).json()
        self.told = (await self.service.call("PUT", self.path)).json()
        await self.service.until(self.ready)
        return self

    async def call(self, method: str, path: str) -> Any:
        headers = await self.service.headers(self.client["client_id"], self.client["client_secret"])
        return await self.service.http.request(method, path, headers=headers)

    async def access(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.service.call("GET", self.path)).json()
        return found

    async def ready(self) -> bool:
        return bool((await self.access())["ready"])

    async def lost(self) -> bool:
        return bool((await self.access())["password_lost"])


@asynccontextmanager
async def reading(told: dict[str, Any], group: str) -> AsyncIterator[Any]:
    """An ordinary client that begins with what the topic has first."""
    client = consumer(told, group=f"{told['group_prefix']}{group}")
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


def metric(text: str, name: str, kind: str) -> float:
    """Return the number of one kind, 0 where there is none."""
    start = f'maillage_{name}{{kind="{kind}"}} '
    return next((float(line.removeprefix(start)) for line in text.splitlines() if line.startswith(start)), 0.0)


async def test_rights_users_and_settings_that_drift_are_repaired_and_nobody_else_is_touched(
    service: Service, broker: Broker, code: Callable[[str], str]
) -> None:
    council = await Council(service, code("cd93")).join()
    user, topic = council.told["username"], council.told["topic"]
    foreign, bystander = f"partner-{code('zz')}", f"partnerless-{code('zz')}"
    proper = await broker.rules(user)
    assert len(proper) == 3

    async def repaired() -> bool:
        users = await broker.users()
        return (
            await broker.rules(user) == proper
            and not await broker.rules(foreign)
            and {name for name, _ in users if name == foreign} == set()
            and (user, "SCRAM_SHA_256") not in users
            and await broker.setting(topic, "retention.ms") == PARTNER_TOPIC.config["retention.ms"]
        )

    for name in (foreign, bystander):
        await broker.allow(name, "TOPIC", topic, "READ")
        await broker.add_user(name)
    await broker.add_user(foreign, "SCRAM_SHA_256")
    await broker.add_user(user, "SCRAM_SHA_256")
    await broker.allow(user, "TOPIC", "referrals-referral-v1", "READ")
    await broker.allow(user, "TOPIC", topic, "READ", "DENY")
    await broker.set(topic, "retention.ms", "60000")
    await broker.forbid(user, AclOperation.DESCRIBE)
    await service.until(repaired)
    assert (bystander, "SCRAM_SHA_512") in await broker.users()
    assert await broker.rules(bystander) == {("TOPIC", topic, "READ", "ALLOW")}
    assert not await is_shut_out(council.told), "its password is the one it had"
    kinds = ("right_missing", "right_foreign", "login_foreign", "topic_settings", "user_foreign")

    async def counted() -> bool:
        told = (await service.http.get("/metrics")).text
        return all(metric(told, "kafka_drift_repaired_total", kind) >= 1 for kind in kinds)

    await service.until(counted)
    await broker.forbid(bystander)
    await broker.remove_user(bystander)


async def test_a_user_who_is_lost_is_told_and_a_new_password_brings_it_back(
    service: Service, broker: Broker, code: Callable[[str], str]
) -> None:
    council = await Council(service, code("cd93")).join()
    await broker.remove_user(council.told["username"])

    await service.until(council.lost)
    assert metric((await service.http.get("/metrics")).text, "kafka_drift_left", "user_missing") >= 1
    anew = await council.call("POST", "/kafka-access/password")

    assert (anew.status_code, anew.headers["cache-control"]) == (202, "no-store")
    await service.until(council.ready)
    assert not await council.lost()
    assert not await is_shut_out({**council.told, "password": anew.json()["password"]})
    assert await is_shut_out(council.told)


async def test_a_new_password_ends_the_old_one_and_is_for_its_owner_alone(
    service: Service, code: Callable[[str], str]
) -> None:
    council = await Council(service, code("cd93")).join()
    anew = await council.call("POST", "/kafka-access/password")
    own = await council.call("GET", "/kafka-access")
    assert own.json()["username"] == council.told["username"]
    assert "password" not in own.json()
    await service.until(council.ready)
    await service.until(lambda: is_shut_out(council.told))
    assert not await is_shut_out({**council.told, "password": anew.json()["password"]})

    other = Council(service, code("cd94"))
    await service.organisation(other.code, collectivities=["94D"])
    other.client = (await service.call("POST", f"/organisations/{other.code}/clients")).json()
    assert (await other.call("POST", "/kafka-access/password")).status_code == 404
    assert (await other.call("POST", f"{council.path}/password")).status_code == 403
    assert (await service.call("POST", f"{council.path}/password")).status_code == 202


async def test_a_topic_that_is_gone_comes_back_with_the_whole_stream_in_order_and_nothing_that_was_erased(
    service: Service, broker: Broker, bus: Any, code: Callable[[str], str]
) -> None:
    council = await Council(service, code("cd93")).join()
    association = await service.organisation(code("asso"), "association")
    topic = council.told["topic"]
    before = await broker.topic_id(topic)
    sent = [str(one) for _ in range(2) for one in await refer(bus, association, "93048")]
    async with reading(council.told, "before") as reader:
        # Referrals are on different partitions of their topic: their order in the stream is the order they came in.
        records = await records_of(reader, 4)
        streamed = [header(record, "ce_id") for record in records]
        assert sorted(streamed) == sorted(sent)
        submitted, person = json.loads(records[0].value), uuid4()
        told_of = {"subject_ref": person, "referral_id": submitted["referral_id"], "routing": submitted["routing"]}
        for event in (example(PersonIdentified, **told_of), example(PersonErased, subject_ref=person)):
            streamed.append(str(await send(bus, event)))
        # Rows that were on their way leave as they were, before the erasure: copies on Kafka age out.
        assert await ids_of(reader, 2) == streamed[4:]
    stories = {header(record, "ce_correlationid") for record in records if record.key == records[0].key}
    gone = [submitted["referral_id"], TRACE, *stories]

    await broker.remove_topic(topic)

    async def back() -> bool:
        return await broker.topic_id(topic) not in (None, before) and await council.ready()

    await service.until(back)
    streamed += [str(one) for one in await refer(bus, association, "93048")]
    async with reading(council.told, "after") as reader:
        again = await records_of(reader, 8)
    assert [header(record, "ce_id") for record in again] == streamed
    kept = {bytes(record.value): record for record in records if record.key != records[0].key}
    for record in again[:5]:
        found = decode({name: text.decode() for name, text in record.headers}, record.value)
        whole = str((record.key, record.headers, record.value))
        if isinstance(found.event, EventErased):
            assert not [one for one in (str(person), *gone) if one in whole]
        else:
            assert record.headers == kept.pop(record.value).headers
    assert not kept
    assert str(person) in str(again[5].value)


@pytest.mark.long
async def test_a_connection_that_is_open_ends_and_a_grant_after_the_topic_went_reads_the_stream_from_its_start(
    service: Service, broker: Broker, bus: Any, code: Callable[[str], str]
) -> None:
    council = await Council(service, code("cd93")).join()
    association = await service.organisation(code("asso"), "association")
    sent = [str(one) for one in await refer(bus, association, "93048")]
    async with reading(council.told, "before") as reader:
        assert await ids_of(reader, 2) == sent
        await service.call("DELETE", council.path)

        async def revoked() -> bool:
            return bool((await council.access())["state"] == "revoked")

        await service.until(revoked)
        await refer(bus, association, "93048")
        with pytest.raises(TopicAuthorizationFailedError):
            await ids_of(reader, 1)
    await broker.remove_topic(council.told["topic"])

    told = (await service.call("PUT", council.path)).json()
    await service.until(council.ready)

    async with reading(told, "after") as reader:
        assert (await ids_of(reader, 4))[:2] == sent, "and what came while there was no access"
