"""The last spans that arrived, by trace and by story; bounded in memory and on disk, kept over a restart.

A story is named by its correlation id, `messaging.message.conversation_id` on the spans of its messages; the traces
that hold one of these are the story's. Spans are kept as the JSON they are asked for, some 1.1 kB each.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from maillage.desk.otlp import SpanDocument
from maillage.desk.ring import RingFile

KEEP = 50_000
"""Some 65 MB here and on disk. A whole story, with the notices it causes, makes 150 spans and as many of batches."""

STORY = "messaging.message.conversation_id"
KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
NONE = "-"
"""Of a span that belongs to no story."""


class Kept(NamedTuple):
    """One span: its place among all that ever arrived, what it is looked up by, and its JSON."""

    number: int
    trace_id: str
    story: str
    line: str


class SpanStore:
    """The spans; looking one up reads them all, which takes some 10 ms."""

    def __init__(self, folder: Path, keep: int = KEEP) -> None:
        self._file = RingFile(folder, "spans", keep)
        self._spans: deque[Kept] = deque(maxlen=keep)
        self._last = 0
        self._news = asyncio.Event()
        for line in self._file.load():
            parts = line.split(" ", 2)
            if len(parts) == 3:
                self._insert(*parts)

    @property
    def last(self) -> int:
        """The number of the newest span; 0 before any."""
        return self._last

    def add(self, spans: Iterable[SpanDocument]) -> int:
        """Keep spans; return how many."""
        lines = []
        for span in spans:
            story = span["attributes"].get(STORY)
            trace_id, line = span["trace_id"] or NONE, json.dumps(span, ensure_ascii=False, separators=(",", ":"))
            key = story if isinstance(story, str) and KEY.fullmatch(story) else NONE
            lines.append(f"{trace_id} {key} {line}")
            self._insert(trace_id, key, line)
        self._file.append(lines)
        self._news.set()
        self._news = asyncio.Event()
        return len(lines)

    async def news(self) -> None:
        """Return when spans have arrived since the call."""
        await self._news.wait()

    def of_story(self, correlation_id: str) -> list[Kept]:
        """Return every span of every trace that belongs to a story."""
        if not KEY.fullmatch(correlation_id):
            return []
        traces = {span.trace_id for span in self._spans if span.story == correlation_id}
        return [span for span in self._spans if span.trace_id in traces]

    def of_trace(self, trace_id: str) -> list[Kept]:
        """Return the spans of one trace."""
        return [span for span in self._spans if span.trace_id == trace_id]

    def after(self, number: int, limit: int) -> list[Kept]:
        """Return the spans that arrived after `number`, oldest first."""
        oldest = self._spans[0].number if self._spans else 0
        return list(islice(self._spans, max(0, number + 1 - oldest), None))[:limit]

    def __len__(self) -> int:
        return len(self._spans)

    def _insert(self, trace_id: str, story: str, line: str) -> None:
        self._last += 1
        self._spans.append(Kept(self._last, trace_id, story, line))


def as_json(spans: Iterable[Kept], cursor: int) -> Iterator[str]:
    """Yield the JSON document of an answer, in pieces."""
    yield '{"items":['
    for index, span in enumerate(spans):
        yield f"{',' if index else ''}{span.line}"
    yield f'],"cursor":{cursor}}}'
