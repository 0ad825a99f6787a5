"""Spans for Zipkin: our documents as its v2 JSON, and what it has not seen yet handed to it in batches.

The span store is the buffer: bounded, and full of what arrived before Zipkin was up. A Zipkin that nobody listens for
has forgotten everything when it is back, and is told again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import httpx

from maillage.desk.otlp import SpanDocument
from maillage.desk.spans import Kept, SpanStore

TOLD_MAX = 30_000
"""What Zipkin keeps (stack/zipkin.py)."""
BATCH = 500
LINKS_MAX = 10
"""Shown of one span; the batch of a thousand links to as many."""
POST_SECONDS = 10.0
AGAIN_SECONDS = 1.0
"""Between two looks at a Zipkin that is not there."""
KNOCK_SECONDS = 2.0
"""Between two looks at one that has nothing to be told: it may have been started again meanwhile."""
GATHER_SECONDS = 0.3
"""Before telling news: processes export in bursts."""

KINDS = {"server": "SERVER", "client": "CLIENT", "producer": "PRODUCER", "consumer": "CONSUMER"}


def converted(span: SpanDocument) -> dict[str, Any]:
    """Return a span as Zipkin's v2 JSON, after OpenTelemetry's own mapping.

    The far side of a message is its topic, so that Zipkin's map runs service → topic → service; of a notice, its
    channel.
    """
    found: dict[str, Any] = {
        "traceId": span["trace_id"],
        "id": span["span_id"],
        "name": span["name"],
        "timestamp": span["start_ns"] // 1000,
        # Zipkin takes a missing or zero duration for a span that never ended.
        "duration": max(1, (span["end_ns"] - span["start_ns"]) // 1000),
        "localEndpoint": {"serviceName": span["service"] or "unknown"},
        "tags": _tags(span),
    }
    if span["parent_id"]:
        found["parentId"] = span["parent_id"]
    if span["kind"] in KINDS:
        found["kind"] = KINDS[span["kind"]]
    remote = _remote(span)
    if remote:
        found["remoteEndpoint"] = {"serviceName": remote}
    if span["events"]:
        found["annotations"] = [{"timestamp": e["at_ns"] // 1000, "value": _event(e)} for e in span["events"]]
    return found


def _remote(span: SpanDocument) -> str:
    attributes = span["attributes"]
    system = attributes.get("messaging.system")
    if span["kind"] in ("producer", "consumer"):
        return str(attributes.get("messaging.destination.name") or system or "")
    # Sending to and reading from the broker are told by the spans above; an HTTP call, by the other service's own.
    return str(system) if span["kind"] == "client" and system not in (None, "kafka") else ""


def _tags(span: SpanDocument) -> dict[str, str]:
    tags = {name: _text(value) for name, value in span["attributes"].items()}
    for number, link in enumerate(span["links"][:LINKS_MAX], start=1):
        tags[f"link.{number}"] = f"{link['trace_id']}-{link['span_id']}"
    if len(span["links"]) > LINKS_MAX:
        tags["link.count"] = str(len(span["links"]))
    if span["status"] == "error":
        tags["otel.status_code"] = "ERROR"
        tags["error"] = span["message"] or tags.get("error.type") or "error"
    elif span["status"] == "ok":
        tags["otel.status_code"] = "OK"
    if span["scope"]:
        tags["otel.scope.name"] = span["scope"]
    return tags


def _event(event: dict[str, Any]) -> str:
    return f"{event['name']} {_text(event['attributes'])}" if event["attributes"] else str(event["name"])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Forwarder:
    """Tells Zipkin what the store holds, oldest first, for as long as it runs."""

    def __init__(self, store: SpanStore, http: httpx.AsyncClient, zipkin_url: str) -> None:
        self._store = store
        self._http = http
        self._url = zipkin_url
        self._told = 0
        self.answers = False
        """Whether Zipkin answered when it was last asked."""

    async def run(self) -> None:
        """Tell, wait for news, tell again."""
        while True:
            self.answers = await self._knock()
            batch = self._next()
            if not self.answers or (batch and not await self._tell(batch)):
                await asyncio.sleep(AGAIN_SECONDS)
            elif self._store.last <= self._told:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(KNOCK_SECONDS):
                        await self._store.news()
                        await asyncio.sleep(GATHER_SECONDS)

    def _next(self) -> list[Kept]:
        self._told = max(self._told, self._store.last - TOLD_MAX)
        return self._store.after(self._told, BATCH)

    async def _knock(self) -> bool:
        try:
            answer = await self._http.get(f"{self._url}/health", timeout=POST_SECONDS)
        except httpx.ConnectError:
            # Nobody listens: whoever does next starts with an empty memory.
            self._told = 0
            return False
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    async def _tell(self, batch: list[Kept]) -> bool:
        """Hand a batch over; tell whether it was taken, or will never be."""
        headers = {"content-type": "application/json"}
        try:
            answer = await self._http.post(
                f"{self._url}/api/v2/spans", content=_encoded(batch), headers=headers, timeout=POST_SECONDS
            )
        except httpx.HTTPError:
            return False
        if answer.status_code >= 500 or answer.status_code == 429:
            return False
        self._told = batch[-1].number
        return True


def _encoded(batch: list[Kept]) -> bytes:
    spans = []
    for kept in batch:
        # A file of another version may hold a span without something: the others are shown.
        with contextlib.suppress(KeyError, TypeError, ValueError):
            spans.append(converted(json.loads(kept.line)))
    return json.dumps(spans).encode()
