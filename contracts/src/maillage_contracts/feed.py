"""Read your feed from Python: an iterator that never ends, resumes where it was, and can prove that it read everything.

Needs httpx: `pip install "maillage-contracts[feed]"`. The cursor is stored once the events before it were handled:
after a crash the last page comes again, so deduplicate on `Received.id`. What fails is tried again, more and more
slowly; what Maillage refuses for good raises FeedRefused.

    with Feed(url, client_id=..., client_secret=..., state=Path("state")) as feed:
        for received in feed:
            ...
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

try:
    import httpx
except ImportError:
    raise ImportError('reading the feed needs httpx: pip install "maillage-contracts[feed]"') from None

from maillage_contracts.feed_protocol import Answer, Call, Day, FeedProtocol, FeedRefused, Page, Pause, Steps
from maillage_contracts.read_log import ReadLog
from maillage_contracts.received import Received

__all__ = ["AsyncFeed", "Checked", "Day", "Feed", "FeedRefused", "Page", "Received"]

WAIT_SECONDS = 25
"""The longest a feed keeps a request open for the next event."""
_TIMEOUT = httpx.Timeout(10, read=WAIT_SECONDS + 15)


@dataclass(frozen=True, slots=True)
class Checked:
    """A day compared with what was read: all is well where nothing is missing and the digests are equal."""

    day: Day
    missing: tuple[int, ...]
    """Positions never read."""
    same: bool

    def __bool__(self) -> bool:
        return self.same


class _State:
    """Where a reader keeps its cursor and its log; nowhere when `folder` is None."""

    def __init__(self, folder: Path | None, after: str | None) -> None:
        self.after = after
        self.log: ReadLog | None = None
        self._cursor = None
        self._from_within: Path | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._cursor = folder / "cursor"
            self._from_within = folder / "from-within"
            if after is not None and not self._cursor.exists():
                # Later runs go on from the stored cursor and are not told: what came before was never asked for.
                self._from_within.touch()
            if after is None and self._cursor.exists():
                self.after = self._cursor.read_text("ascii").strip() or None
            self.log = ReadLog(folder / "read.ids")

    def keep(self, page: Page) -> None:
        """Note the events of a page as read, then its cursor: a crash between the two repeats and loses nothing."""
        if self.log is not None:
            for received in page.events:
                if received.sequence is not None:
                    self.log.note(received.sequence, received.id)
        if self._cursor is not None and page.cursor != self.after:
            written = self._cursor.with_suffix(".new")
            written.write_text(page.cursor, "ascii")
            os.replace(written, self._cursor)
        self.after = page.cursor

    def check(self, days: Sequence[Day]) -> list[Checked]:
        if self.log is None or self._from_within is None:
            raise ValueError("a feed without a state folder does not know what it read")
        read_first = self.log.first() or 1
        begun = read_first if self._from_within.exists() else 1
        found = []
        for day in days:
            if day.first_sequence < begun or (not day.kept and day.last_sequence < read_first):
                continue
            same = self.log.digest(day.first_sequence, day.last_sequence) == day.sha256
            missing = () if same else tuple(self.log.missing(day.first_sequence, day.last_sequence))
            found.append(Checked(day, missing, same))
        return found

    def close(self) -> None:
        if self.log is not None:
            self.log.close()


class _Reader:
    """What the two readers share."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        state: Path | None = None,
        after: str | None = None,
        types: Sequence[str] = (),
        limit: int = 100,
    ) -> None:
        self._credentials = httpx.BasicAuth(client_id, client_secret)
        self._is_partial = bool(types)
        self._protocol = FeedProtocol(types=types, limit=limit)
        self._state = _State(state, after)

    @property
    def cursor(self) -> str | None:
        """The cursor after the events that were handled: store it yourself where there is no state folder."""
        return self._state.after

    def _refuse_partial(self) -> None:
        if self._is_partial:
            raise ValueError("a feed of some types only cannot prove that it read everything: the digests are of all")

    def _options(self, call: Call) -> dict[str, Any]:
        if call.token is None:
            return {"data": call.form, "auth": self._credentials}
        return {"params": call.params, "headers": {"authorization": f"Bearer {call.token}"}, "auth": None}


_SILENCE = Answer(0, {}, b"")


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


class Feed(_Reader):
    """The feed for blocking code; see the module."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(**options)
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and files."""
        self._http.close()
        self._state.close()

    def __iter__(self) -> Iterator[Received]:
        """Yield every event from where this reader is, and wait for the next, for ever."""
        while True:
            page = self._page(WAIT_SECONDS)
            yield from page.events
            self._state.keep(page)

    def until_now(self) -> Iterator[Received]:
        """Yield every event there is now, then stop."""
        more = True
        while more:
            page = self._page(0)
            yield from page.events
            self._state.keep(page)
            more = page.more

    def verify(self, first: date | None = None, last: date | None = None) -> list[Checked]:
        """Compare what was read with Maillage's digests, day by day: from `first` to `last`, or the last seven.

        Days that began before the cursor with which this reader first started are left out, and so are those of which
        nothing was kept any more when it started. Raises ValueError for a reader without a state folder or of some
        types only.
        """
        self._refuse_partial()
        return self._state.check(self._drive(self._protocol.digests(first, last)))

    def _page(self, wait: int) -> Page:
        page: Page = self._drive(self._protocol.page(self._state.after, wait))
        return page

    def _drive(self, steps: Steps) -> Any:
        answer: Answer | None = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = None
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                continue
            try:
                answer = _answer(self._http.request(step.method, step.path, **self._options(step)))
            except httpx.TransportError:
                answer = _SILENCE


class AsyncFeed(_Reader):
    """The feed for asyncio; as Feed, with `async with`, `async for` and `await`."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(**options)
        self._http = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections and files."""
        await self._http.aclose()
        self._state.close()

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Yield every event from where this reader is, and wait for the next, for ever."""
        while True:
            page = await self._page(WAIT_SECONDS)
            for received in page.events:
                yield received
            self._state.keep(page)

    async def until_now(self) -> AsyncIterator[Received]:
        """Yield every event there is now, then stop."""
        more = True
        while more:
            page = await self._page(0)
            for received in page.events:
                yield received
            self._state.keep(page)
            more = page.more

    async def verify(self, first: date | None = None, last: date | None = None) -> list[Checked]:
        """Compare what was read with Maillage's digests, as Feed.verify does."""
        self._refuse_partial()
        return self._state.check(await self._drive(self._protocol.digests(first, last)))

    async def _page(self, wait: int) -> Page:
        page: Page = await self._drive(self._protocol.page(self._state.after, wait))
        return page

    async def _drive(self, steps: Steps) -> Any:
        answer: Answer | None = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = None
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                continue
            try:
                answer = _answer(await self._http.request(step.method, step.path, **self._options(step)))
            except httpx.TransportError:
                answer = _SILENCE
