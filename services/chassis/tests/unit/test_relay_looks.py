"""When the relay asks the outbox for more: after a commit, not after what it has done itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from chassis import relay, room
from chassis.db import Database
from chassis.lanes import Lanes
from chassis.outbox import Doorbell
from chassis.relay_sql import FORGET, PARKED_KEYS, TAKE, TAKE_PAST
from chassis.testing.producers import Acknowledging

SECONDS = 20


@pytest.fixture(autouse=True)
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what rings counts here."""
    monkeypatch.setattr(relay, "POLL_SECONDS", 3_600.0)


class Outbox:
    """Answers as the lease's session does, and remembers what it was asked."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.changed = asyncio.Event()

    def commit(self, topic: str, count: int) -> None:
        for _ in range(count):
            position = len(self.rows) + 1
            self.rows.append(
                {"position": position, "aggregatetype": topic, "aggregateid": "k", "headers": "{}", "payload": b"x",
                 "created_at": datetime.now(UTC)}
            )  # fmt: skip

    async def add_listener(self, *_: Any) -> None:
        return None

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Any]:
        if sql == PARKED_KEYS:
            return []
        assert sql in (TAKE, TAKE_PAST)
        self._note(sql)
        taken, rows_max, *_ = arguments
        full = arguments[3] if sql == TAKE_PAST else ()
        held = {position for one in taken for position in range(one.lower, one.upper)}
        free = [r for r in self.rows if r["position"] not in held and r["aggregatetype"] not in full]
        return free[:rows_max]

    async def execute(self, sql: str, *arguments: Any) -> str:
        assert sql == FORGET
        self._note(sql)
        self.rows = [r for r in self.rows if r["position"] not in arguments[0]]
        return f"DELETE {len(arguments[0])}"

    def _note(self, sql: str) -> None:
        self.asked.append(sql)
        self.changed.set()

    async def until_empty(self) -> None:
        async with asyncio.timeout(SECONDS):
            while self.rows:
                self.changed.clear()
                await self.changed.wait()


async def drained(outbox: Outbox, doorbell: Doorbell, topic: str, count: int) -> list[str]:
    """Run a relay that has nothing to do, commit so many rows, and return what was asked until they were gone."""
    working = relay.Relay(cast(Database, None), Lanes(Acknowledging(), doorbell.wake), doorbell)
    running = asyncio.create_task(working._drain(cast(Any, outbox)))
    try:
        async with asyncio.timeout(SECONDS):
            while not outbox.asked:
                await asyncio.sleep(0)
        outbox.asked.clear()
        outbox.commit(topic, count)
        doorbell.ring()
        await outbox.until_empty()
        # Whatever the last acknowledgement led to has been asked too.
        for _ in range(20):
            await asyncio.sleep(0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return outbox.asked


async def test_an_event_is_looked_for_once_and_forgotten_once() -> None:
    assert await drained(Outbox(), Doorbell(), "test", 1) == [TAKE, FORGET]


async def test_what_memory_had_no_room_for_is_looked_for_again_when_there_is_room() -> None:
    asked = await drained(Outbox(), Doorbell(), "test", 3 * room.TOPIC_ROWS_MAX)
    assert asked.count(TAKE) > 1


async def test_a_ring_says_that_there_may_be_rows_and_a_wake_does_not() -> None:
    doorbell = Doorbell()
    doorbell.ring()
    assert await doorbell.wait(SECONDS)
    doorbell.wake()
    assert not await doorbell.wait(SECONDS)
    doorbell.ring()
    doorbell.wake()
    assert await doorbell.wait(SECONDS)
    # Nothing was heard, which is no proof that nothing was committed.
    assert await doorbell.wait(0)
