"""Spans: read whole from OTLP, found by their story, by their trace and by their place, within a bound."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from maillage.desk import otlp
from maillage.desk.spans import STORY, SpanStore, as_json
from maillage.testing.synthetic import span

STORY_ID = "01a22030-ea64-77a2-9428-d24bdea00855"


def request() -> ExportTraceServiceRequest:
    """Return a request with one span that has everything a span can have."""
    made = ExportTraceServiceRequest()
    of_resource = made.resource_spans.add()
    _put(of_resource.resource.attributes.add(), "service.name", "referrals")
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name = "chassis"
    one = of_scope.spans.add(
        trace_id=bytes.fromhex("0af7651916cd43dd8448eb211c80319c"),
        span_id=bytes.fromhex("b7ad6b7169203331"),
        parent_span_id=bytes.fromhex("00f067aa0ba902b7"),
        name="process referrals-referral-v1",
        kind=5,
        start_time_unix_nano=1_000,
        end_time_unix_nano=3_000,
    )
    _put(one.attributes.add(), STORY, STORY_ID)
    _put(one.attributes.add(), "messaging.kafka.offset", 41)
    _put(one.attributes.add(), "ok", True)
    array = one.attributes.add(key="many").value.array_value
    array.values.add(string_value="a")
    array.values.add(double_value=0.5)
    _put(one.attributes.add(key="map").value.kvlist_value.values.add(), "in", "side")
    one.attributes.add(key="raw").value.bytes_value = b"\xff"
    one.attributes.add(key="nothing")
    event = one.events.add(name="retried", time_unix_nano=2_000)
    _put(event.attributes.add(), "n", 1)
    one.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    one.status.code = 2
    one.status.message = "why"
    return made


def _put(attribute: Any, key: str, value: str | int | bool) -> None:
    attribute.key = key
    if isinstance(value, bool):
        attribute.value.bool_value = value
    elif isinstance(value, int):
        attribute.value.int_value = value
    else:
        attribute.value.string_value = value


WHOLE = {
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "span_id": "b7ad6b7169203331",
    "parent_id": "00f067aa0ba902b7",
    "service": "referrals",
    "name": "process referrals-referral-v1",
    "kind": "consumer",
    "start_ns": 1_000,
    "end_ns": 3_000,
    "status": "error",
    "message": "why",
    "attributes": {
        STORY: STORY_ID,
        "messaging.kafka.offset": 41,
        "ok": True,
        "many": ["a", 0.5],
        "map": {"in": "side"},
        "raw": "ff",
        "nothing": None,
    },
    "events": [{"name": "retried", "at_ns": 2_000, "attributes": {"n": 1}}],
    "links": [{"trace_id": "01" * 16, "span_id": "02" * 8, "attributes": {}}],
    "resource": {"service.name": "referrals"},
    "scope": "chassis",
}


@pytest.mark.parametrize("gzipped", [False, True])
def test_everything_a_span_carries_is_read(gzipped: bool) -> None:
    body = request().SerializeToString()

    assert otlp.read(gzip.compress(body) if gzipped else body, gzipped=gzipped) == [WHOLE]


def test_a_kind_and_a_status_of_a_later_version_are_read_as_unknown() -> None:
    made = request()
    made.resource_spans[0].scope_spans[0].spans[0].kind = 99
    made.resource_spans[0].scope_spans[0].spans[0].status.code = 99

    (found,) = otlp.read(made.SerializeToString(), gzipped=False)
    assert (found["kind"], found["status"]) == ("unspecified", "unset")


@pytest.mark.parametrize(
    ("body", "gzipped"),
    [
        (b"not protobuf", False),
        (b"not gzip", True),
        (gzip.compress(b"x" * 100, mtime=0)[:-9], True),
        (gzip.compress(b"\0" * (otlp.BYTES_MAX + 1), mtime=0), True),
    ],
)
def test_what_is_no_trace_request_is_refused(body: bytes, gzipped: bool) -> None:
    with pytest.raises(otlp.Unreadable):
        otlp.read(body, gzipped=gzipped)


def of(story: str | None, trace: str, name: str = "x") -> dict[str, Any]:
    return span(name, trace_id=trace, attributes={STORY: story} if story else {})


def names(answer: Any) -> list[str]:
    return [item["name"] for item in json.loads("".join(as_json(answer, 0)))["items"]]


def test_a_story_is_every_span_of_each_of_its_traces(tmp_path: Path) -> None:
    store = SpanStore(tmp_path)
    store.add([of(None, "t1", "request"), of("s1", "t1", "create"), of(None, "t2", "other")])
    store.add([of("s1", "t3", "timer's"), of("s2", "t4", "stranger"), of(None, "t1", "late")])

    for found in (store, SpanStore(tmp_path)):
        assert names(found.of_story("s1")) == ["request", "create", "timer's", "late"]
        assert names(found.of_trace("t2")) == ["other"]
        assert names(found.of_story("-")) == names(found.of_story("unknown")) == []


def test_only_the_last_are_kept_and_a_reader_sees_each_once(tmp_path: Path) -> None:
    store = SpanStore(tmp_path, keep=10)
    seen, cursor = [], 0
    for number in range(25):
        store.add([of(None, "t", str(number))])
        if number % 4 == 3:
            found = store.after(cursor, 3) + store.after(cursor + 3, 100)
            seen += names(found)
            cursor = found[-1].number

    assert seen == [str(number) for number in range(24)]
    assert names(store.after(0, 100)) == [str(number) for number in range(15, 25)]
    assert store.after(25, 100) == store.after(99, 100) == []
    assert names(SpanStore(tmp_path, keep=10).after(0, 100)) == names(store.after(0, 100))


@pytest.mark.parametrize("story", ["two\nlines", "with blank", "", "x" * 65, 7])
def test_a_story_s_name_cannot_break_the_file(tmp_path: Path, story: Any) -> None:
    SpanStore(tmp_path).add([span("x", attributes={STORY: story})])

    assert names(SpanStore(tmp_path).after(0, 9)) == ["x"]


async def test_news_wake_whoever_waits(tmp_path: Path) -> None:
    store = SpanStore(tmp_path)
    waiting = asyncio.create_task(store.news())
    await asyncio.sleep(0)
    assert not waiting.done()

    store.add([of(None, "t")])
    await asyncio.wait_for(waiting, 5)
