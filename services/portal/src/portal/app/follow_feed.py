"""Tell every open page of an organisation, at once, that a referral changed.

However many browsers are open there is one long poll per organisation and process. A follower that reads too slowly
loses changes but is told so, and then reads the state itself: nothing here grows without bound.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from portal.app.ports import Cursors, Feed
from portal.domain.errors import AccessLost, NotFound, Refused, ServiceSilent
from portal.domain.member import Member

POLL_WAIT_SECONDS = 25
LINGER_SECONDS = 30.0
"""How long a poll outlives its last page: a reload or the next page finds it warm."""

REMEMBERED_BATCHES = 256
"""How far back a reconnecting page can catch up without asking for the state."""

SETTLE_SECONDS = (1.0, 4.0)
"""The referrals service reads the others' topics itself, perhaps after the feed did: their changes are told again, soon
and once more for a service that was slow to read."""

UNSETTLED_SECONDS = 10.0
"""How long a page that reconnects reads such a referral whatever its position: longer than it takes to reconnect."""

QUEUE_CHANGES_MAX = 32
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.5, 15.0


class Follower:
    """One open page. `behind` says that changes were dropped and the state must be read anew."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.behind = False
        self._queue: asyncio.Queue[tuple[str, frozenset[UUID]]] = asyncio.Queue(QUEUE_CHANGES_MAX)

    def offer(self, cursor: str, changed: frozenset[UUID]) -> None:
        try:
            self._queue.put_nowait((cursor, changed))
        except asyncio.QueueFull:
            self.behind = True

    async def next(self, timeout: float) -> tuple[str, frozenset[UUID]] | None:
        """Return the next change, or None when `timeout` seconds passed without one."""
        try:
            async with asyncio.timeout(timeout):
                return await self._queue.get()
        except TimeoutError:
            return None


class _Channel:
    """One organisation: its poll, its followers and its recent past."""

    def __init__(self, organisation_code: str, feed: Feed, cursors: Cursors) -> None:
        self.organisation_code = organisation_code
        self.followers: dict[Follower, None] = {}
        self.recent: deque[tuple[str, frozenset[UUID]]] = deque(maxlen=REMEMBERED_BATCHES)
        self.cursor: str | None = None
        self.unsettled: dict[UUID, float] = {}
        self.task: asyncio.Task[None] | None = None
        self._feed = feed
        self._cursors = cursors

    async def poll(self) -> None:
        pause = PAUSE_SECONDS_MIN
        position = await self._start()
        while True:
            member = next(iter(self.followers), None)
            if member is None:
                return
            try:
                batch = await self._feed.read(
                    member.member, after=position, wait_seconds=POLL_WAIT_SECONDS if self.cursor is not None else 0
                )
            except (ServiceSilent, AccessLost, NotFound, Refused) as error:
                if isinstance(error, Refused):
                    # A cursor of another time, after a restore: read from the start, which tells too much, never less.
                    position = ""
                # Another follower's access may still be good: put this one last before trying again.
                if member in self.followers:
                    del self.followers[member]
                    self.followers[member] = None
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_SECONDS_MAX)
                continue
            pause = PAUSE_SECONDS_MIN
            moved = batch.cursor != position
            position = batch.cursor
            if not batch.more:
                self.cursor = position
            if moved:
                self._tell(position, frozenset(batch.referral_ids))
                self._tell_later(position, frozenset(batch.unsettled_ids))
                await self._save(position)

    async def _start(self) -> str:
        try:
            return await self._cursors.load(self.organisation_code)
        except ServiceSilent:
            return ""

    async def _save(self, cursor: str) -> None:
        try:
            await self._cursors.save(self.organisation_code, cursor)
        except ServiceSilent:
            return  # Only a restart would read a little more again.

    def _tell(self, cursor: str, changed: frozenset[UUID]) -> None:
        self.recent.append((cursor, changed))
        if changed:
            self._offer(cursor, changed)

    def _tell_later(self, cursor: str, changed: frozenset[UUID]) -> None:
        if not changed:
            return
        loop = asyncio.get_running_loop()
        self.unsettled = dict.fromkeys(changed, loop.time() + UNSETTLED_SECONDS) | {
            one: until for one, until in self.unsettled.items() if until > loop.time() and one not in changed
        }
        for seconds in SETTLE_SECONDS:
            loop.call_later(seconds, self._offer, cursor, changed)

    def _offer(self, cursor: str, changed: frozenset[UUID]) -> None:
        for follower in tuple(self.followers):
            follower.offer(cursor, changed)

    def settling(self) -> frozenset[UUID]:
        """Return the referrals that may still change for an event already told."""
        now = asyncio.get_running_loop().time()
        return frozenset(one for one, until in self.unsettled.items() if until > now)


class FeedHub:
    """All organisations that have a page open."""

    def __init__(self, feed: Feed, cursors: Cursors) -> None:
        self._feed = feed
        self._cursors = cursors
        self._channels: dict[str, _Channel] = {}
        self._closing: dict[str, asyncio.TimerHandle] = {}

    @asynccontextmanager
    async def follow(self, member: Member) -> AsyncIterator[Follower]:
        """Receive every change from now on, until the block ends."""
        code = member.organisation_code
        channel = self._channels.setdefault(code, _Channel(code, self._feed, self._cursors))
        follower = Follower(member)
        channel.followers[follower] = None
        if (handle := self._closing.pop(code, None)) is not None:
            handle.cancel()
        if channel.task is None or channel.task.done():
            channel.task = asyncio.create_task(channel.poll(), name="portal-feed")
        try:
            yield follower
        finally:
            channel.followers.pop(follower, None)
            if not channel.followers and code in self._channels:
                self._closing[code] = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._drop, code)

    def position(self, organisation_code: str) -> str:
        """Return the cursor up to which changes are known, or "" when nobody has been following."""
        channel = self._channels.get(organisation_code)
        return (channel.cursor or "") if channel is not None else ""

    def changed_since(self, organisation_code: str, cursor: str) -> frozenset[UUID] | None:
        """Return which referrals changed after `cursor`, or None when that is too long ago to know."""
        channel = self._channels.get(organisation_code)
        if channel is None or not cursor:
            return None
        if cursor == channel.cursor:
            return channel.settling()
        changed = channel.settling()
        for known, ids in reversed(channel.recent):
            if known == cursor:
                return changed
            changed |= ids
        return None

    async def close(self) -> None:
        """Stop every poll."""
        for handle in self._closing.values():
            handle.cancel()
        tasks = [channel.task for channel in self._channels.values() if channel.task is not None]
        self._channels.clear()
        self._closing.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self, organisation_code: str) -> None:
        self._closing.pop(organisation_code, None)
        channel = self._channels.get(organisation_code)
        if channel is not None and not channel.followers:
            del self._channels[organisation_code]
            if channel.task is not None:
                channel.task.cancel()
