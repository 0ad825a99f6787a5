"""Tell Kafka how far a subscription has come, beside the work instead of after each batch.

An offset is a hint: what makes an event happen once is the inbox, in the transaction of its effect. So the next batch
does not wait for the answer to a commit, and at a steady rate one commit covers the batches of COMMIT_SECONDS: after a
crash that much more is read again and passed. What is committed is always what is done, never how far was read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from chassis.faults import fault_point

log = structlog.get_logger(__name__)

COMMIT_SECONDS = 0.2
"""From one commit to the next; the first after a silence goes at once."""

LAST_SECONDS = 1.0
"""For the last commits of a process that stops: part of the five seconds that a supervisor waits (see app.py)."""


class Committing(Protocol):
    """What this needs of a consumer."""

    async def commit(self, offsets: Mapping[TopicPartition, int], /) -> None: ...


class Offsets:
    """How far one subscription has come. A commit that fails is not repeated: the next one says more."""

    def __init__(self) -> None:
        self._done: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def done(self, consumer: Committing, records: Iterable[Any]) -> None:
        """Note that these records are handled to their end; returns before Kafka knows, unless this process stops."""
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            self._done[partition] = max(self._done.get(partition, 0), record.offset + 1)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit(consumer))
        if self._stopping.is_set():
            await self.settle()

    async def settle(self) -> None:
        """Have Kafka know everything that is done, within LAST_SECONDS; from now on `done` waits for that too."""
        self._stopping.set()
        if self._committing is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await asyncio.shield(self._committing)

    async def _commit(self, consumer: Committing) -> None:
        while self._done:
            done, self._done = self._done, {}
            try:
                # Waits, itself, for a coordinator that does not answer.
                await consumer.commit(done)
            except (KafkaError, ConsumerStoppedError) as error:
                # Somebody else has the partition now: they begin where we were heard last, the inbox passes the rest.
                log.info("offsets_not_committed", error_type=type(error).__name__)
            else:
                fault_point("consumer.acknowledged")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COMMIT_SECONDS):
                    await self._stopping.wait()
