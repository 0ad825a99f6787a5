"""What a lane drops from memory when Kafka refuses an event for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import MessageSizeTooLargeError

from chassis.lanes import Lanes, Row
from chassis.testing.producers import Acknowledging


class Refusing(Acknowledging):
    """Knows the partitions at once, but later only when told; answers a batch only when told."""

    def __init__(self) -> None:
        super().__init__()
        self.known = asyncio.Event()
        self.known.set()
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def partitions_for(self, topic: str) -> set[int]:
        await self.known.wait()
        return {0}

    async def send_batch(self, *_: Any, **__: Any) -> Any:
        self.batches += 1
        return self.answer


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0)


async def test_what_follows_a_refused_event_is_dropped_also_where_its_partition_is_not_known_yet() -> None:
    kafka = Refusing()
    lanes = Lanes(kafka, lambda: None)

    def row(position: int, key: str) -> Row:
        return Row(position, "test", key, "{}", b"x", datetime.now(UTC))

    lanes.add(row(1, "k"))
    await until(lambda: kafka.batches)
    kafka.known.clear()
    lanes.add(row(2, "other"))
    lanes.add(row(3, "k"))
    kafka.answer.set_exception(MessageSizeTooLargeError())
    await until(lanes.refused_keys)

    # Put back by an operator, row 1 is read again before this one, which must be read again too.
    assert list(lanes.taken) == [2]
    lanes.abandon()
