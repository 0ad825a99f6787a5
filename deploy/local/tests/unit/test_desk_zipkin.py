"""Spans as Zipkin's JSON, and how Zipkin is told: everything, in order, again after it forgot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from maillage.desk import zipkin
from maillage.desk.spans import SpanStore
from maillage.desk.zipkin import Forwarder, converted
from maillage.testing.synthetic import BEGIN_NS, span

GOLDEN = Path(__file__).with_name("zipkin.json")
TOPIC = {"messaging.system": "kafka", "messaging.destination.name": "referrals-referral-v1"}
LINK = {"trace_id": "01" * 16, "span_id": "02" * 8, "attributes": {}}

SPANS = [
    span("POST /referrals", kind="server", attributes={"http.response.status_code": 201}),
    span("create referrals-referral-v1", kind="producer", under="b7ad6b7169203331", attributes=TOPIC, took_ms=0),
    span("process referrals-referral-v1", kind="consumer", service="partners", attributes=TOPIC, links=[LINK]),
    span("send referrals-referral-v1", kind="client", attributes=TOPIC, links=[LINK] * 12),
    span("send email", kind="client", service="notifications", attributes={"messaging.system": "smtp"}),
    span("send sms", kind="client", service="notifications", attributes={"messaging.system": "sms"}),
    span("GET /claims", kind="client", service="registration", attributes={"server.address": "127.0.0.1"}),
    span("timer overdue", scope="", status="ok", attributes={"maillage.timer.kind": "overdue", "many": [1, "a"]}),
    span("process x", kind="consumer", status="error", attributes={"error.type": "ValueError"}),
    span("process y", status="error", message="its own words", service=""),
    span("process z", status="error", events=[{"name": "retried", "at_ns": BEGIN_NS, "attributes": {"n": 1}}]),
]


def test_spans_are_converted_as_the_committed_file_says() -> None:
    assert [converted(one) for one in SPANS] == json.loads(GOLDEN.read_text("utf-8"))


class FakeZipkin:
    """Keeps what it is told, as far as it is up and willing."""

    def __init__(self) -> None:
        self.up = True
        self.willing = 202
        self.names: list[str] = []
        self.batches: list[int] = []

    def restart(self) -> None:
        self.names.clear()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("refused")
        if request.url.path == "/health":
            return httpx.Response(200)
        assert request.url.path == "/api/v2/spans"
        if self.willing == 202:
            told = json.loads(request.content)
            self.batches.append(len(told))
            self.names += [one["name"] for one in told]
        return httpx.Response(self.willing)


class Stage:
    def __init__(self, folder: Path) -> None:
        self.zipkin = FakeZipkin()
        self.store = SpanStore(folder)
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.zipkin))
        self.forwarder = Forwarder(self.store, self.http, "http://zipkin.test")
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.forwarder.run())

    def add(self, *names: str) -> None:
        self.store.add([span(name) for name in names])

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    for name in ("AGAIN_SECONDS", "KNOCK_SECONDS", "GATHER_SECONDS"):
        monkeypatch.setattr(zipkin, name, 0.005)
    made = Stage(tmp_path)
    yield made
    if made.task is not None:
        made.task.cancel()
        await asyncio.gather(made.task, return_exceptions=True)
    await made.http.aclose()


async def test_what_came_before_zipkin_was_up_is_told_when_it_is(stage: Stage) -> None:
    stage.zipkin.up = False
    stage.add("one", "two")
    stage.start()
    await asyncio.sleep(0.02)
    assert not stage.forwarder.answers

    stage.zipkin.up = True
    await stage.until(lambda: stage.zipkin.names == ["one", "two"])
    stage.add("three")
    await stage.until(lambda: stage.zipkin.names == ["one", "two", "three"])
    assert stage.forwarder.answers


async def test_everything_is_told_once_in_batches(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipkin, "BATCH", 10)
    names = [str(number) for number in range(35)]
    stage.add(*names)
    stage.start()

    await stage.until(lambda: len(stage.zipkin.names) >= 35)
    await asyncio.sleep(0.02)
    assert stage.zipkin.names == names
    assert stage.zipkin.batches == [10, 10, 10, 5]


async def test_a_zipkin_that_was_started_again_is_told_again(stage: Stage) -> None:
    stage.add("one")
    stage.start()
    await stage.until(lambda: stage.zipkin.names == ["one"])

    stage.zipkin.up = False
    await stage.until(lambda: not stage.forwarder.answers)
    stage.zipkin.restart()
    stage.zipkin.up = True

    await stage.until(lambda: stage.zipkin.names == ["one"])


@pytest.mark.parametrize("answer", [500, 429])
async def test_a_busy_zipkin_is_asked_again(stage: Stage, answer: int) -> None:
    stage.zipkin.willing = answer
    stage.add("one")
    stage.start()
    await asyncio.sleep(0.02)
    stage.zipkin.willing = 202

    await stage.until(lambda: stage.zipkin.names == ["one"])


async def test_a_batch_that_zipkin_will_never_take_holds_up_no_other(stage: Stage) -> None:
    stage.zipkin.willing = 400
    stage.add("one")
    stage.start()
    await stage.until(lambda: stage.forwarder._told == 1)
    stage.zipkin.willing = 202
    stage.add("two")

    await stage.until(lambda: stage.zipkin.names == ["two"])


async def test_only_what_zipkin_can_hold_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipkin, "TOLD_MAX", 3)
    stage.add(*(str(number) for number in range(10)))
    stage.start()

    await stage.until(lambda: stage.zipkin.names == ["7", "8", "9"])


async def test_a_span_that_lacks_something_is_passed_over(stage: Stage) -> None:
    broken = span("broken")
    del broken["start_ns"]
    stage.store.add([broken, span("sound")])
    stage.start()

    await stage.until(lambda: stage.zipkin.names == ["sound"])
