"""The embedded Kafka: rights on the partners' listener, data over kill -9, topics from the contracts' table."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs re-export without saying so
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from maillage.stack.kafka import Kafka, KafkaConfig
from maillage.stack.topics import ensure_topics
from maillage.testing.clean_broker import forget_everything
from maillage.testing.servers import KafkaServer, ServerProcess, free_ports, new_folder
from maillage_contracts import TOPICS

PASSWORD = "a-password-for-tests"


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = new_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def admin(bootstrap: str, **client: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, **client})


def finish(futures: dict[Any, Any]) -> None:
    for future in futures.values():
        future.result(20)


def create(bootstrap: str, *topics: str) -> None:
    # The client must outlive its futures: librdkafka gives them up when it is collected.
    client = admin(bootstrap)
    finish(client.create_topics([NewTopic(topic, num_partitions=1) for topic in topics]))


def give_access(bootstrap: str, user: str, topic: str, group_prefix: str) -> None:
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    upsertion = UserScramCredentialUpsertion(user, credential, PASSWORD.encode())
    client = admin(bootstrap)
    finish(client.alter_user_scram_credentials([upsertion]))
    rights = [
        (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, AclOperation.READ),
        (ResourceType.GROUP, group_prefix, ResourcePatternType.PREFIXED, AclOperation.READ),
    ]
    finish(
        client.create_acls(
            [
                AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
                for kind, name, pattern, operation in rights
            ]
        )
    )


def as_partner(server: KafkaServer, user: str, password: str = PASSWORD) -> dict[str, Any]:
    return {
        "bootstrap_servers": server.partner_bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }


async def send(bootstrap: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key=b"k")
    finally:
        await producer.stop()


async def read_one(topic: str, group: str | None, **client: Any) -> bytes:
    consumer = AIOKafkaConsumer(topic, group_id=group, auto_offset_reset="earliest", **client)
    try:
        async with asyncio.timeout(20):
            await consumer.start()
            return bytes((await consumer.getone()).value)
    finally:
        await consumer.stop()


async def test_a_partner_reads_its_own_topic_and_nothing_else(kafka_server: KafkaServer, topic_name: Any) -> None:
    user = topic_name("partner-a")
    own, foreign, group = f"{user}-v1", topic_name("partner-b"), f"{user}-"
    await asyncio.to_thread(create, kafka_server.bootstrap, own, foreign)
    await asyncio.to_thread(give_access, kafka_server.bootstrap, user, own, group)
    await send(kafka_server.bootstrap, own, b"for a")
    await send(kafka_server.bootstrap, foreign, b"for b")
    partner = as_partner(kafka_server, user)

    assert await read_one(own, f"{group}any", **partner) == b"for a"
    with pytest.raises(TopicAuthorizationFailedError):
        await read_one(foreign, f"{group}any", **partner)
    with pytest.raises(GroupAuthorizationFailedError):
        await read_one(own, "another-group", **partner)
    producer = AIOKafkaProducer(**partner)
    await producer.start()
    with pytest.raises(TopicAuthorizationFailedError):
        await producer.send_and_wait(own, b"forged")
    await producer.stop()


async def test_a_broker_that_forgot_everything_takes_the_same_names_anew(
    kafka_server: KafkaServer, topic_name: Any
) -> None:
    if kafka_server.process is None:
        pytest.skip("NOT RUN: this Kafka is somebody's, nothing of it is deleted")
    topic, group = topic_name("known"), topic_name("readers")
    for value in (b"before", b"after"):
        await asyncio.to_thread(create, kafka_server.bootstrap, topic)
        await send(kafka_server.bootstrap, topic, value)
        # Its offset is committed when it stops: the second time, 1 of 1 unless it was forgotten.
        assert await read_one(topic, group, bootstrap_servers=kafka_server.bootstrap) == value
        await asyncio.to_thread(forget_everything, kafka_server.bootstrap)


@pytest.mark.parametrize("user", ["ANONYMOUS", "admin", "stranger"])
async def test_nobody_passes_without_a_password_of_ours(kafka_server: KafkaServer, topic_name: Any, user: str) -> None:
    topic = topic_name("closed")
    await asyncio.to_thread(create, kafka_server.bootstrap, topic)

    with pytest.raises((AuthenticationFailedError, KafkaConnectionError)):
        await read_one(topic, None, **as_partner(kafka_server, user, "wrong"))


async def test_the_partners_listener_serves_nobody_without_scram(kafka_server: KafkaServer, topic_name: Any) -> None:
    topic = topic_name("closed")
    await asyncio.to_thread(create, kafka_server.bootstrap, topic)

    # A plain client would be User:ANONYMOUS, a super user, if this listener answered it.
    client = admin(kafka_server.partner_bootstrap)
    with pytest.raises(KafkaException):
        await asyncio.to_thread(client.list_topics, topic, 3)


async def test_a_user_without_rights_does_not_see_topics(kafka_server: KafkaServer, topic_name: Any) -> None:
    user, topic = topic_name("partner-c"), topic_name("closed")
    await asyncio.to_thread(create, kafka_server.bootstrap, topic, f"{user}-v1")
    await asyncio.to_thread(give_access, kafka_server.bootstrap, user, f"{user}-v1", f"{user}-")
    client = admin(
        kafka_server.partner_bootstrap,
        **{
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": PASSWORD,
        },
    )

    seen = await asyncio.to_thread(client.list_topics, None, 10)

    assert list(seen.topics) == [f"{user}-v1"]
    with pytest.raises(KafkaException, match="AUTHORIZATION_FAILED"):
        await asyncio.to_thread(lambda: finish(client.create_topics([NewTopic(topic_name("new"), num_partitions=1)])))


@pytest.mark.fault
async def test_records_and_users_survive_kill_9_and_a_change_of_ports(folder: Path) -> None:
    config = KafkaConfig(folder / "kafka", folder / "kafka.log", *free_ports(3), heap_mb=256)  # type: ignore[misc,arg-type]  # three ports
    process = ServerProcess(Kafka(config))
    try:
        assert process.start() == "4.3.1"
        bootstrap = Kafka(config).bootstrap
        await asyncio.to_thread(create, bootstrap, "kept")
        await asyncio.to_thread(give_access, bootstrap, "partner-x", "kept", "partner-x-")
        await send(bootstrap, "kept", b"still here")
        process.kill()

        internal, controller, partners = free_ports(3)
        moved = replace(config, port=internal, controller_port=controller, partner_port=partners)
        process = ServerProcess(Kafka(moved))
        process.start()

        server = KafkaServer(Kafka(moved).bootstrap, Kafka(moved).partner_bootstrap, "")
        assert await read_one("kept", "partner-x-1", **as_partner(server, "partner-x")) == b"still here"
        assert await read_one("kept", None, **as_partner(server, "admin", Kafka(moved).admin_password)) == b"still here"
        assert_no_secret_on_disk(folder, Kafka(moved).admin_password)
    finally:
        process.stop()


def assert_no_secret_on_disk(folder: Path, password: str) -> None:
    holders = [path.name for path in folder.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert holders == ["admin-password"]
    assert "still here" not in (folder / "kafka.log").read_text()


async def test_topics_of_the_table_are_created_once(kafka_server: KafkaServer, topic_name: Any) -> None:
    # Names of their own: other tests make topics of the table with other settings on this broker.
    table = [replace(topic, name=topic_name(topic.name)) for topic in TOPICS]
    first = await ensure_topics(kafka_server.bootstrap, topics=table)
    second = await ensure_topics(kafka_server.bootstrap, topics=table)

    described = await asyncio.to_thread(admin(kafka_server.bootstrap).list_topics, None, 10)
    for topic in table:
        assert len(described.topics[topic.name].partitions) == topic.partitions
    assert sorted(first.created) == sorted(topic.name for topic in table)
    assert (second.created, first.drift, second.drift) == ((), (), ())


async def test_topics_that_differ_are_reported_and_left_alone(kafka_server: KafkaServer, topic_name: Any) -> None:
    model = replace(TOPICS[0], name=topic_name("drift"), partitions=2)
    assert (await ensure_topics(kafka_server.bootstrap, topics=[model])).created == (model.name,)

    other = replace(model, partitions=3, retention_days=7)
    report = await ensure_topics(kafka_server.bootstrap, topics=[other])

    assert report.created == ()
    assert len(report.drift) == 2
    assert "2 partitions, 3 expected" in report.drift[0]
    assert "retention.ms" in report.drift[1]
    assert (await ensure_topics(kafka_server.bootstrap, topics=[model])).drift == ()
