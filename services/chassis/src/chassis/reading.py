"""Read topics from one place to another, once, without a group: nothing is committed, nobody is kept waiting.

Memory holds a few MiB of records, whatever the topics hold.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

from aiokafka import TopicPartition

from chassis.kafka import build_reader, partitions_of
from chassis.records import Source, source_of
from chassis.settings import ServiceSettings

BATCH_RECORDS = 1000
POLL_MS = 500
SILENCE_SECONDS = 60.0
"""How long a broker may give nothing that it said it has."""

METADATA_SECONDS = 15.0

Positions = dict[TopicPartition, int]


class NothingToRead(Exception):
    """A topic does not exist, or its broker gives nothing of what it says it has."""


class Reading:
    """One reader of a service's topics."""

    def __init__(self, settings: ServiceSettings, service: str) -> None:
        self._settings = settings
        self._service = service
        self._consumer = build_reader(settings, service)

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def begins(self, topic: str) -> Positions:
        """Return the first record that each partition still has."""
        found: Positions = await self._consumer.beginning_offsets(await self._partitions(topic))
        return found

    async def ends(self, partitions: Mapping[TopicPartition, int]) -> Positions:
        """Return where each of these partitions ends now."""
        found: Positions = await self._consumer.end_offsets(list(partitions))
        return found

    async def batches(self, begins: Positions, ends: Positions) -> AsyncIterator[list[Source]]:
        """Yield the records from `begins` up to `ends`, in order within each partition."""
        left = {partition: end for partition, end in ends.items() if begins[partition] < end}
        self._consumer.assign(list(left))
        for partition in left:
            self._consumer.seek(partition, begins[partition])
        heard = time.monotonic()
        while left:
            fetched = await self._consumer.getmany(*left, timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
            found = [(partition, record) for partition, records in fetched.items() for record in records]
            sources = [source_of(record) for partition, record in found if record.offset < left[partition]]
            if sources:
                yield sources
                heard = time.monotonic()
            for partition in list(left):
                if await self._consumer.position(partition) >= left[partition]:
                    self._consumer.pause(partition)
                    del left[partition]
            if time.monotonic() - heard > SILENCE_SECONDS:
                raise NothingToRead("Kafka gives nothing of what it says it has")

    async def lag(self, group: str, positions: Positions, patience_seconds: float) -> int:
        """Return how many records before `positions` a group has not committed, once it has had time to."""
        reader = build_reader(self._settings, self._service, group)
        await reader.start()
        try:
            until = time.monotonic() + patience_seconds
            while True:
                behind = 0
                for partition, position in positions.items():
                    if position:
                        behind += max(0, position - (await reader.committed(partition) or 0))
                if not behind or time.monotonic() > until:
                    return behind
                await asyncio.sleep(0.2)
        finally:
            await reader.stop()

    async def _partitions(self, topic: str) -> list[TopicPartition]:
        until = time.monotonic() + METADATA_SECONDS
        while True:
            if numbers := await partitions_of(self._consumer, topic):
                return [TopicPartition(topic, number) for number in sorted(numbers)]
            if time.monotonic() > until:
                raise NothingToRead(f"there is no topic {topic}")
            await asyncio.sleep(0.2)
