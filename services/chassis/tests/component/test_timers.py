"""Timers fire when due, by a clock that the test moves, and one that fails holds up no other."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import telemetry
from chassis.db import Database, Tx
from chassis.ids import new_id
from chassis.settings import ServiceSettings
from chassis.testing.events import AT
from chassis.timers import AGAIN, fire_due, start_timer, stop_timers


class Fired:
    def __init__(self) -> None:
        self.ids: list[UUID] = []
        self.broken: set[UUID] = set()

    async def __call__(self, tx: Tx, aggregate_id: UUID, at: datetime) -> None:
        if aggregate_id in self.broken:
            raise ValueError("broken")
        self.ids.append(aggregate_id)


async def start(db: Database, *timers: tuple[UUID, timedelta]) -> None:
    async with db.transaction() as tx:
        for aggregate_id, delay in timers:
            await start_timer(tx, "overdue", aggregate_id, AT + delay)


async def test_a_timer_fires_once_when_due_and_not_before(db: Database) -> None:
    fired, one = Fired(), new_id()
    await start(db, (one, timedelta(days=10)))

    assert await fire_due(db, {"overdue": fired}, AT + timedelta(days=9, hours=23)) == 0
    assert await fire_due(db, {"overdue": fired}, AT + timedelta(days=10)) == 1
    assert await fire_due(db, {"overdue": fired}, AT + timedelta(days=11)) == 0
    assert fired.ids == [one]


async def test_firing_is_a_trace_and_an_idle_look_is_none(db: Database) -> None:
    exporter = InMemorySpanExporter()
    settings = ServiceSettings.model_validate({"stack": "test", "http_port": 1, "database_dsn": "postgresql://unused"})
    running = telemetry.configure(settings, "referrals", "1", exporter=exporter)
    await start(db, (new_id(), timedelta()))
    await fire_due(db, {"overdue": Fired()}, AT)
    await fire_due(db, {"overdue": Fired()}, AT)
    await running.close()

    assert [(span.name, span.parent) for span in exporter.get_finished_spans()] == [("timer overdue", None)]


async def test_a_stopped_or_moved_timer_does_not_fire_at_its_old_time(db: Database) -> None:
    fired, stopped, moved = Fired(), new_id(), new_id()
    await start(db, (stopped, timedelta(days=1)), (moved, timedelta(days=1)), (moved, timedelta(days=5)))
    async with db.transaction() as tx:
        await stop_timers(tx, stopped, "overdue", "expired")

    assert await fire_due(db, {"overdue": fired}, AT + timedelta(days=2)) == 0
    assert await fire_due(db, {"overdue": fired}, AT + timedelta(days=6)) == 1
    assert fired.ids == [moved]


async def test_a_timer_that_fails_is_due_again_and_holds_up_no_other(db: Database) -> None:
    fired, broken, sound = Fired(), new_id(), new_id()
    fired.broken.add(broken)
    await start(db, (broken, timedelta()), (sound, timedelta(seconds=1)))
    now = AT + timedelta(hours=1)

    await fire_due(db, {"overdue": fired}, now)
    assert fired.ids == [sound]

    fired.broken.clear()
    await fire_due(db, {"overdue": fired}, now + timedelta(minutes=2))
    assert fired.ids == [sound, broken]


async def test_two_replicas_share_the_work(db: Database) -> None:
    fired, ids = Fired(), [new_id() for _ in range(20)]
    await start(db, *((one, timedelta()) for one in ids))

    counts = await asyncio.gather(*(fire_due(db, {"overdue": fired}, AT) for _ in range(2)))

    assert sum(counts) == 20
    assert sorted(fired.ids) == sorted(ids)


async def test_a_timer_moved_or_stopped_before_its_failure_is_noted_stays_so(db: Database) -> None:
    moved, stopped = new_id(), new_id()
    await start(db, (moved, timedelta(days=15)), (stopped, timedelta()))
    async with db.transaction() as tx:
        await stop_timers(tx, stopped, "overdue")

        await tx.execute(AGAIN, "overdue", moved, AT + timedelta(hours=2))
        await tx.execute(AGAIN, "overdue", stopped, AT + timedelta(hours=2))

        left = await tx.fetch("SELECT aggregate_id, due_at FROM timers")
    assert [(row["aggregate_id"], row["due_at"]) for row in left] == [(moved, AT + timedelta(days=15))]


async def test_a_kind_without_handler_is_left_alone(db: Database) -> None:
    await start(db, (new_id(), timedelta()))

    assert await fire_due(db, {"reminder": Fired()}, AT + timedelta(days=1)) == 0
