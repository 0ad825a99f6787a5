"""Hand rows to Kafka, one batch at a time per partition.

One outstanding batch per partition is what keeps order: whatever happens to a batch, nothing later of its partition
has been handed over. Partitions run side by side, so the broker is kept busy. A batch that fails is sent again for
as long as it takes; a row that Kafka refuses for good is reported, and its key's later rows are dropped from memory
(the relay parks them in the table).
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from chassis.faults import fault_point
from chassis.partitions import partition_of
from chassis.producers import ProducerSource
from chassis.room import Room
from chassis.telemetry import send_span

log = structlog.get_logger(__name__)

REFUSED_FOR_GOOD = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTopicError,
    PolicyViolationError,
)
"""Sending again cannot help. Everything else, a missing topic or right included, is waited for."""

BACKOFF_SECONDS_MAX = 2.0
LEASE_CHECK_SECONDS = 0.05
REBUILD_AFTER_FAILURES = 3
"""A producer that fails this often in a row may be fenced or broken: it is replaced."""


class Row(NamedTuple):
    """One outbox row in memory."""

    position: int
    topic: str
    key: str
    headers: str
    payload: bytes
    created_at: datetime

    @property
    def size(self) -> int:
        """How many bytes it is counted for."""
        return len(self.payload) + len(self.headers)


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that Kafka refuses for good, and why (the error's class name)."""

    topic: str
    key: str
    position: int
    cause: str


class Lanes:
    """The rows in memory, a queue per partition, and what became of them.

    `blocked` holds (topic, key) pairs behind a refused row: their rows are not sent.
    """

    def __init__(self, producers: ProducerSource, wake: Callable[[], None]) -> None:
        self.taken: dict[int, Row] = {}
        self.blocked: set[tuple[str, str]] = set()
        self.room = Room()
        self.sent = 0
        self.lease_until = math.inf
        """By `time.monotonic`: past this somebody else may hold the lease, and nothing new is handed to Kafka."""
        self._producers = producers
        self._wake = wake
        self._waiting: dict[str, deque[Row]] = {}
        self._queues: dict[tuple[str, int], deque[Row]] = {}
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._acknowledged: list[int] = []
        self._refused: list[Refused] = []

    def add(self, row: Row) -> None:
        """Queue a row; rows must be added in position order."""
        self.taken[row.position] = row
        self.room.enter(row.topic, row.size)
        waiting = self._waiting.setdefault(row.topic, deque())
        waiting.append(row)
        self._start((row.topic, -1), self._distribute)

    def oldest(self) -> datetime | None:
        """Return the commit time of the oldest row in memory."""
        first = next(iter(self.taken.values()), None)
        return first.created_at if first else None

    def collect(self) -> list[int]:
        """Return, once, the positions that Kafka has acknowledged; they stay taken until the next call."""
        done, self._acknowledged = self._acknowledged, []
        for position in done:
            self._release(position)
        return done

    def collect_refused(self) -> list[Refused]:
        """Return, once, the rows that Kafka refuses for good."""
        refused, self._refused = self._refused, []
        return refused

    def refused_keys(self) -> set[tuple[str, str]]:
        """Return the keys that Kafka refused and that are not parked in the table yet."""
        return {(refused.topic, refused.key) for refused in self._refused}

    def abandon(self) -> None:
        """Forget every row in memory: the lease is lost, and whoever holds it next sends them again."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._queues.clear()
        self._waiting.clear()
        self.taken.clear()
        self.room.clear()
        self._acknowledged.clear()
        self._refused.clear()

    def _release(self, position: int) -> None:
        row = self.taken.pop(position, None)
        if row is not None:
            self.room.leave(row.topic, row.size)

    def _start(self, lane: tuple[str, int], work: Callable[[tuple[str, int]], Coroutine[None, None, None]]) -> None:
        task = self._tasks.get(lane)
        if task is None or task.done():
            self._tasks[lane] = asyncio.create_task(work(lane))

    async def _distribute(self, lane: tuple[str, int]) -> None:
        topic = lane[0]
        partitions = await self._partitions(topic)
        waiting = self._waiting[topic]
        while waiting:
            row = waiting.popleft()
            if (topic, row.key) in self.blocked:
                self._release(row.position)
                continue
            target = (topic, partition_of(row.key, partitions))
            self._queues.setdefault(target, deque()).append(row)
            self._start(target, self._send)

    async def _partitions(self, topic: str) -> int:
        failures = 0
        while True:
            producer = await self._producers.get()
            try:
                return len(await self._producers.ask(producer, producer.partitions_for(topic)))
            except Exception as error:
                failures += 1
                await self._back_off(topic, failures, error)

    async def _send(self, lane: tuple[str, int]) -> None:
        queue = self._queues[lane]
        failures = 0
        one_by_one = 0
        while queue:
            producer = await self._producers.get()
            await self._leased()
            batch = producer.create_batch()
            rows, contexts = _fill(batch, queue, limit=1 if one_by_one else len(queue))
            try:
                with send_span(lane[0], contexts):
                    await self._producers.ask(producer, _send_batch(producer, batch, lane))
            except REFUSED_FOR_GOOD as error:
                if len(rows) > 1:
                    one_by_one = len(rows)
                else:
                    self._refuse(queue, rows[0], error)
                continue
            except Exception as error:
                # Whatever it is, the rows stay at the head of the lane: a lane that died would hold them unsent.
                failures += 1
                await self._back_off(lane[0], failures, error)
                if failures % REBUILD_AFTER_FAILURES == 0:
                    await self._producers.replace(producer)
                continue
            failures = 0
            one_by_one = max(0, one_by_one - len(rows))
            for row in rows:
                queue.popleft()
                self._acknowledged.append(row.position)
            self.sent += len(rows)
            self._wake()

    async def _leased(self) -> None:
        # A process that was stopped wakes here with rows that another one sends now. The batch that was on its way is
        # harmless whenever it arrives: all that precedes it in its partition is acknowledged.
        while time.monotonic() > self.lease_until:  # noqa: ASYNC110  # nothing rings when a clock passes a mark
            await asyncio.sleep(LEASE_CHECK_SECONDS)

    def _refuse(self, queue: deque[Row], row: Row, error: KafkaError) -> None:
        self.blocked.add((row.topic, row.key))
        for rows in (queue, self._waiting[row.topic]):
            for same_key in [r for r in rows if r.key == row.key]:
                rows.remove(same_key)
                self._release(same_key.position)
        self._refused.append(Refused(row.topic, row.key, row.position, type(error).__name__))
        self._wake()

    async def _back_off(self, topic: str, failures: int, error: Exception) -> None:
        if failures in {1, 5} or failures % 30 == 0:
            log.warning("relay_retries", topic=topic, failures=failures, error_type=type(error).__name__)
        await asyncio.sleep(min(BACKOFF_SECONDS_MAX, 0.05 * 2 ** min(failures, 6)))


async def _send_batch(producer: AIOKafkaProducer, batch: BatchBuilder, lane: tuple[str, int]) -> None:
    sent = await producer.send_batch(batch, lane[0], partition=lane[1])
    fault_point("relay.sent")
    await sent
    fault_point("relay.confirmed")


def _fill(batch: BatchBuilder, queue: deque[Row], *, limit: int) -> tuple[list[Row], list[str | None]]:
    """Append rows from the head of the queue; return those that fit, and the creation context of each."""
    rows: list[Row] = []
    contexts: list[str | None] = []
    for row in islice(queue, limit):
        headers: dict[str, str] = json.loads(row.headers)
        encoded = [(name, value.encode()) for name, value in headers.items()]
        if batch.append(timestamp=None, key=row.key.encode(), value=row.payload, headers=encoded) is None:
            break
        rows.append(row)
        contexts.append(headers.get("traceparent"))
    return rows, contexts
