"""All lanes share one producer: when one lane has it replaced, whatever the others waited for is asked of the next."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import LeaderNotAvailableError

from chassis import kafka, lanes
from chassis.kafka import RelayProducers
from chassis.lanes import Lanes, Row
from chassis.settings import ServiceSettings
from chassis.testing.kafka import create_topic, read_until

SECONDS = 20
positions = iter(range(1, 1_000))


def row(topic: str, value: str = "x") -> Row:
    return Row(next(positions), topic, "k", "{}", value.encode(), datetime.now(UTC))


def producers(bootstrap: str = "127.0.0.1:1") -> RelayProducers:
    settings = ServiceSettings.model_validate(
        {"stack": "test", "http_port": 0, "database_dsn": "postgresql://nowhere/x", "kafka_bootstrap": bootstrap}
    )
    return RelayProducers(settings, "test")


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "STOP_SECONDS", 0.05)
    monkeypatch.setattr(lanes, "BACKOFF_SECONDS_MAX", 0.01)


class Fake:
    """The first one refuses the topic "refused", as soon as the others wait; it never answers them, nor stops."""

    made: list[Fake]

    def __init__(self, **_: Any) -> None:
        self.broken = not self.made
        self.made.append(self)
        self.waiting: set[str] = set()
        self.sent: list[tuple[str, list[bytes]]] = []
        self._sender, self.client = self, self
        self.sender_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        if self.broken:
            await asyncio.Event().wait()

    async def flush(self) -> None:
        await self.stop()

    async def close(self) -> None:
        return None

    async def partitions_for(self, topic: str) -> set[int]:
        if self.broken and topic == "unknown":
            self.waiting.add(topic)
            await asyncio.Event().wait()
        return {0}

    def create_batch(self) -> Any:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, partition: int) -> asyncio.Future[None]:
        if self.broken and topic == "refused":
            await until(lambda: self.waiting == {"silent", "unknown"})
            raise LeaderNotAvailableError
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.broken:
            self.waiting.add(topic)
        else:
            self.sent.append((topic, batch.values))
            answer.set_result(None)
        return answer


class Batch:
    def __init__(self) -> None:
        self.values: list[bytes] = []

    def append(self, *, value: bytes, **_: Any) -> object:
        self.values.append(value)
        return self


async def test_lanes_that_wait_for_a_producer_that_is_replaced_begin_again_at_their_heads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Fake.made = []
    monkeypatch.setattr(kafka, "AIOKafkaProducer", Fake)
    shared = Lanes(producers(), lambda: None)
    for one in (row("silent", "1"), row("unknown", "1"), row("refused", "1")):
        shared.add(one)
    await until(lambda: Fake.made and Fake.made[0].waiting == {"silent", "unknown"})
    shared.add(row("silent", "2"))

    await until(lambda: len(shared._acknowledged) == 4)

    (_, second) = Fake.made
    sent: dict[str, list[bytes]] = {}
    for topic, values in second.sent:
        sent.setdefault(topic, []).extend(values)
    assert sent == {"silent": [b"1", b"2"], "unknown": [b"1"], "refused": [b"1"]}


@pytest.fixture
def leaderless(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Topics for which the client sees no leader."""
    topics: set[str] = set()
    known = ClusterMetadata.leader_for_partition
    monkeypatch.setattr(
        ClusterMetadata, "leader_for_partition", lambda self, tp: -1 if tp.topic in topics else known(self, tp)
    )
    return topics


@pytest.mark.kafka
async def test_a_real_producer_that_is_replaced_holds_no_lane(
    kafka_server: Any, leaderless: set[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    handed_over: list[str] = []

    class Impatient(AIOKafkaProducer):  # type: ignore[misc]  # the library has no types
        def __init__(self, **options: Any) -> None:
            super().__init__(**options | {"request_timeout_ms": 400})

        async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Any:
            answer = await super().send_batch(batch, topic, partition=partition)
            handed_over.append(topic)
            return answer

    monkeypatch.setattr(kafka, "AIOKafkaProducer", Impatient)
    failing, waiting = [await create_topic(kafka_server.bootstrap, partitions=1) for _ in range(2)]
    source = producers(kafka_server.bootstrap)
    shared = Lanes(source, lambda: None)
    replace = source.replace

    async def replace_while_another_waits(broken: AIOKafkaProducer) -> None:
        if leaderless:
            shared.add(row(waiting, "2"))
            await until(lambda: handed_over.count(waiting) == 2)
        await replace(broken)
        leaderless.clear()

    monkeypatch.setattr(source, "replace", replace_while_another_waits)
    for topic in (failing, waiting):
        shared.add(row(topic, "1"))
    await until(lambda: shared.sent == 2)
    leaderless.update((failing, waiting))
    shared.add(row(failing, "2"))

    await until(lambda: shared.sent == 4)
    shared.add(row(waiting, "3"))
    records = await read_until(kafka_server.bootstrap, waiting, lambda found: len(found) == 3)
    assert [one.value for one in records] == [b"1", b"2", b"3"]

    await source.close()
    gc.collect()
    assert not [one.getMessage() for one in caplog.records if one.name == "asyncio"]
