"""The real Zipkin: our spans arrive whole, hang together, are found by their story, and draw the map of topics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from maillage.desk.spans import SpanStore
from maillage.desk.zipkin import Forwarder
from maillage.stack.errors import StackError
from maillage.stack.zipkin import Zipkin, ZipkinConfig
from maillage.testing.servers import ServerProcess, free_ports
from maillage.testing.synthetic import span

STORY = "01a22030-ea64-77a2-9428-d24bdea00855"


def kafka(topic: str) -> dict[str, str]:
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.message.conversation_id": STORY,
    }


def story() -> list[dict[str, Any]]:
    topic = "notifications-notice-v1"
    now = {"start_ns": time.time_ns(), "end_ns": time.time_ns() + 5_000_000}
    return [
        span("POST /referrals", id="0000000000000001", kind="server", **now),
        span(f"create {topic}", id="0000000000000002", under="0000000000000001", kind="producer",
             attributes=kafka(topic), **now),
        span(f"process {topic}", id="0000000000000003", under="0000000000000002", kind="consumer",
             service="notifications", attributes=kafka(topic), status="error", **now),
        span("send email", id="0000000000000004", under="0000000000000003", kind="client",
             service="notifications", attributes={"messaging.system": "smtp"}, **now),
    ]  # fmt: skip


async def until(look: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.1)
    return found


def started(folder: Path) -> tuple[Zipkin, ServerProcess, str]:
    zipkin = Zipkin(ZipkinConfig(folder / "zipkin", folder / "zipkin.log", free_ports(1)[0]))
    process = ServerProcess(zipkin)
    try:
        return zipkin, process, process.start()
    except StackError as error:
        if process.pid is None and "téléchargées" in error.sentence:
            pytest.skip(f"ZIPKIN WAS NOT TESTED: its jar cannot be had here ({error.sentence})")
        raise


async def test_the_real_zipkin_shows_a_story_that_came_before_it_was_up(tmp_path: Path) -> None:
    store = SpanStore(tmp_path / "spans")
    store.add(story())
    zipkin, process, version = started(tmp_path)
    async with httpx.AsyncClient(trust_env=False) as http:
        forwarder = Forwarder(store, http, zipkin.url)
        telling = asyncio.create_task(forwarder.run())
        try:
            await until(lambda: forwarder.answers and forwarder._told == store.last)
            assert version == "3.6.1"

            def get(path: str) -> Any:
                return httpx.get(f"{zipkin.url}{path}", trust_env=False, timeout=10).json()

            by_story = f"/api/v2/traces?annotationQuery=messaging.message.conversation_id={STORY}"
            (trace,) = await until(lambda: get(by_story))
            assert {one["id"]: one.get("parentId") for one in trace} == {
                "0000000000000001": None,
                "0000000000000002": "0000000000000001",
                "0000000000000003": "0000000000000002",
                "0000000000000004": "0000000000000003",
            }
            assert [one["id"] for one in trace if "error" in one["tags"]] == ["0000000000000003"]
            now = int(time.time() * 1000)
            links = {(link["parent"], link["child"]) for link in get(f"/api/v2/dependencies?endTs={now}")}
            assert {
                ("referrals", "notifications-notice-v1"),
                ("notifications-notice-v1", "notifications"),
                ("notifications", "smtp"),
            } <= links
            assert httpx.get(f"{zipkin.url}/zipkin/", trust_env=False).status_code == 200
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            process.stop()
