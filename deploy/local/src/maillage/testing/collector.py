"""The spans that a running stack's processes really exported, as its desk received them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Seen:
    """One exported span."""

    service: str
    name: str
    kind: str
    """internal, server, client, producer or consumer."""
    trace_id: str
    span_id: str
    parent_id: str
    status: str
    """unset, ok or error."""
    attributes: dict[str, Any]
    links: tuple[str, ...]
    """Span ids it links to."""
    text: str
    """Everything in it, for canaries."""


class SpanCollector:
    """Reads one desk, and keeps what it read: the desk forgets the oldest."""

    def __init__(self, desk_url: str) -> None:
        self._url = f"{desk_url}/spans.json"
        self._cursor = 0
        self._spans: list[Seen] = []

    @property
    def spans(self) -> list[Seen]:
        """Return what has arrived so far."""
        while True:
            answer = _get(self._url, after=self._cursor)
            if answer["cursor"] < self._cursor:
                # The desk started again and counts anew.
                self._spans, self._cursor = [], 0
                continue
            self._cursor = answer["cursor"]
            self._spans += seen(answer["items"])
            if not answer["items"]:
                return list(self._spans)

    def of_story(self, correlation_id: str) -> list[Seen]:
        """Return every span of every trace of a story, as far as they have arrived."""
        return seen(_get(self._url, correlation_id=correlation_id)["items"])

    def wait(self, enough: Callable[[list[Seen]], Any], timeout_seconds: float = 20) -> list[Seen]:
        """Return the spans once they are `enough`; fails after the timeout."""
        return _until(lambda: self.spans, enough, timeout_seconds)

    def wait_for_story(
        self, correlation_id: str, enough: Callable[[list[Seen]], Any], timeout_seconds: float = 20
    ) -> list[Seen]:
        """Return the spans of a story once they are `enough`; fails after the timeout."""
        return _until(lambda: self.of_story(correlation_id), enough, timeout_seconds)


def seen(documents: Iterable[dict[str, Any]]) -> list[Seen]:
    """Return the spans of a desk's answer."""
    return [
        Seen(
            service=found["service"],
            name=found["name"],
            kind=found["kind"],
            trace_id=found["trace_id"],
            span_id=found["span_id"],
            parent_id=found["parent_id"],
            status=found["status"],
            attributes=found["attributes"],
            links=tuple(link["span_id"] for link in found["links"]),
            text=json.dumps(found, ensure_ascii=False),
        )
        for found in documents
    ]


def edges(spans: Iterable[Seen]) -> set[tuple[str, str]]:
    """Return who calls or causes whom: pairs of `service name` of each parent and child, each pair once.

    A root is the child of nothing (""); a span whose parent did not arrive, the child of "?".
    """
    known = {(span.trace_id, span.span_id): span for span in spans}

    def label(trace_id: str, span_id: str) -> str:
        if not span_id:
            return ""
        span = known.get((trace_id, span_id))
        return "?" if span is None else f"{span.service} {span.name}"

    return {(label(s.trace_id, s.parent_id), label(s.trace_id, s.span_id)) for s in known.values()}


def _until(look: Callable[[], list[Seen]], enough: Callable[[list[Seen]], Any], timeout_seconds: float) -> list[Seen]:
    deadline = time.monotonic() + timeout_seconds
    while True:
        found = look()
        if enough(found):
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{len(found)} spans after {timeout_seconds} s, and not those wanted")
        time.sleep(0.1)


def _get(url: str, **asked: str | int) -> dict[str, Any]:
    answer = httpx.get(url, params=asked, timeout=30, trust_env=False)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
