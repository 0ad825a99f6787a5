"""An operator is told when events wait for long, in the note of readiness and in one line of the log."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from chassis import watch
from chassis.clock import MovableClock
from chassis.db import Database
from chassis.lanes import Lanes
from chassis.outbox import Doorbell
from chassis.relay import Relay
from chassis.runtime import Runtime

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


async def test_age_of_the_oldest_event_is_a_note_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "RELAY_LOOK_SECONDS", 0.01)
    clock = MovableClock(NOW)
    runtime = cast(Runtime, SimpleNamespace(clock=clock))
    relay = Relay(Database("", size=1, application="test"), cast(Lanes, None), Doorbell())
    relay.oldest_seen = NOW
    assert watch.relay_note(runtime, relay) is None

    with capture_logs() as said:
        watching = asyncio.create_task(watch.watch_relay(runtime, relay))
        clock.advance(timedelta(seconds=42))
        await until_said(said, "relay_behind")
        note = watch.relay_note(runtime, relay)
        relay.oldest_seen = None
        await until_said(said, "relay_caught_up")
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching

    assert note == "the oldest event waits for Kafka since 42 s"
    assert [(line["event"], line["log_level"]) for line in said] == [
        ("relay_behind", "error"),
        ("relay_caught_up", "info"),
    ]
    assert said[0]["age_seconds"] == 42


async def until_said(said: list[Any], event: str) -> None:
    async with asyncio.timeout(10):
        while all(line["event"] != event for line in said):
            await asyncio.sleep(0.01)
