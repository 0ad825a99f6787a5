"""Topics of one's own, and reading them to the end, for tests on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from chassis.ids import new_id
from maillage_contracts import TOPICS


async def create_topic(
    bootstrap: str, partitions: int = 3, replicas: int = 1, config: dict[str, str] | None = None
) -> str:
    """Create a topic with a name of its own and return that name."""
    name = f"test-{new_id().hex}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    futures = admin.create_topics(
        [NewTopic(name, num_partitions=partitions, replication_factor=replicas, config=config or {})]
    )
    await asyncio.to_thread(futures[name].result, 20)
    return name


async def create_contract_topics(bootstrap: str) -> None:
    """Create every topic of the contract that a test before has not created yet."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    present = set((await asyncio.to_thread(admin.list_topics, timeout=10)).topics)
    missing = [NewTopic(t.name, t.partitions, 1) for t in TOPICS if t.name not in present]
    for future in (admin.create_topics(missing) if missing else {}).values():
        await asyncio.to_thread(future.result, 20)


async def read_until(
    bootstrap: str,
    topic: str,
    enough: Callable[[list[ConsumerRecord[bytes, bytes]]], bool],
    timeout_seconds: float = 30,
) -> list[ConsumerRecord[bytes, bytes]]:
    """Return the topic's records, per partition in order, as soon as they are `enough`; fails after the timeout."""
    found: list[ConsumerRecord[bytes, bytes]] = []
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    try:
        async with asyncio.timeout(timeout_seconds):
            while not enough(found):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    except TimeoutError:
        raise AssertionError(f"{topic}: {len(found)} records after {timeout_seconds} s") from None
    finally:
        await consumer.stop()
    return found


async def producer_as(access: dict[str, str], topic: str) -> None:
    """Try to produce one record with a partner's credentials; raises what the broker answers."""
    producer = AIOKafkaProducer(
        bootstrap_servers=access["bootstrap"],
        security_protocol=access["security_protocol"],
        sasl_mechanism=access["mechanism"],
        sasl_plain_username=access["username"],
        sasl_plain_password=access["password"],
        request_timeout_ms=5000,
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"{}", key=b"k")
    finally:
        await producer.stop()
