"""One webhook while this replica delivers it: what was read, what is on its way, what waits for what.

Events of one referral leave one after another, and the next only once the one before was accepted. One that fails
becomes a row, and so does what is behind it, so that the position can go on: it stands just before the lowest event
that was read and is neither accepted nor a row. After a crash events are sent again from there, never skipped.

Nothing about a person is sent after their erasure but what the stream has after it. Whatever is older is withdrawn
when its turn comes (see webhook_work.BODIES), and an erasure leaves once every request has come back that was on its
way when it was read. It waits for nothing else: behind an event that its receiver cannot take, it came 30 hours late.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from partners.app.webhook_ports import Attempt
from partners.domain.webhook import (
    ERASED,
    FAILING_AT,
    WITHDRAWN,
    Answer,
    asked_rest,
    next_attempt,
    probe_after,
    wants,
)

AT_ONCE = 4
"""Requests to one receiver at a time, once it has answered; before that, and while it fails, one."""

WINDOW = 200
"""Events read ahead for one receiver: ids only, bytes are read when they are sent."""

WAITING_MAX = 1_000
"""Rows kept for one receiver; beyond them nothing more is read of the stream until it takes some."""

SLOW_MS = 1_000
"""An acceptance that takes longer holds a place for as long as twenty that do not."""

KEPT_FOR = timedelta(seconds=10)
"""A lease is not given back for less than this."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What was read of a webhook when it was taken over."""

    webhook_id: UUID
    organisation_id: UUID
    code: str
    url: str
    event_types: tuple[str, ...] | None
    position: int
    replay_position: int | None
    replay_until: int | None
    failures: int
    probe_after: datetime | None
    quiet_until: datetime | None
    revision: int
    fence: int
    slow: bool = False


@dataclass(slots=True, eq=False)
class Item:
    """One event for one receiver."""

    position: int
    again: bool
    event_id: UUID
    ce_type: str
    subject: str
    """With what it keeps its order: the referral that led to it, or else what it is about; an erasure with nothing."""
    attempts: int = 0
    first_at: datetime | None = None
    due_at: datetime | None = None
    stored: bool = False
    lets_land: tuple[Item, ...] = ()
    """Of an erasure: what was on its way when it was read, which may be about the person."""


@dataclass(slots=True)
class Reading:
    """How far a range was read, and which of its events are open still."""

    read_to: int
    until: int | None = None
    open: dict[int, None] = field(default_factory=dict)
    """In rising order: positions are added as they are read."""
    unread: bool = True

    @property
    def reached(self) -> int:
        """The last position below which nothing is open."""
        return next(iter(self.open)) - 1 if self.open else self.read_to

    @property
    def done(self) -> bool:
        """Whether the whole range was dealt with."""
        return self.until is not None and self.reached >= self.until


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a webhook stands at the moment its changes are handed over; the two are only right together."""

    position: int
    replay: int | None
    failures: int
    probe_after: datetime | None
    quiet_until: datetime | None
    slow: bool


@dataclass(slots=True)
class Changes:
    """What is to be written about one webhook."""

    stored: dict[tuple[int, bool], Item] = field(default_factory=dict)
    removed: dict[tuple[int, bool], None] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    last_success_at: datetime | None = None
    disabled: str | None = None
    moved: bool = False
    progress: Progress | None = None
    """Of the last hand-over."""

    def __bool__(self) -> bool:
        return self.moved or bool(self.stored or self.removed or self.attempts)

    @property
    def handed_over_at(self) -> Progress:
        """Where the webhook stood; changes that were never handed over are not to be written."""
        if self.progress is None:
            raise ValueError("changes are written before they were handed over")
        return self.progress

    def then(self, later: Changes) -> Changes:
        """Return both as one, where this could not be written and `later` came meanwhile."""
        return Changes(
            {key: item for key, item in self.stored.items() if key not in later.removed} | later.stored,
            {key: None for key in self.removed if key not in later.stored} | later.removed,
            self.attempts + later.attempts,
            later.last_success_at or self.last_success_at,
            later.disabled or self.disabled,
            moved=True,
            progress=later.progress or self.progress,
        )


class Courier:
    """Decides what is sent next; makes no request and knows no database."""

    def __init__(self, lease: Lease, secrets: list[str], waiting: Iterable[Item], now: datetime) -> None:
        self.lease = lease
        self.secrets = secrets
        self.failures = lease.failures
        self.probe_after = lease.probe_after
        self.quiet_until = lease.quiet_until
        self.live = Reading(lease.position)
        self.replay: Reading | None = None
        if lease.replay_position is not None:
            self.replay = Reading(lease.replay_position, lease.replay_until)
        self.changes = Changes()
        self.flying: dict[Item, None] = {}
        self.proven = False
        self.slow = lease.slow
        """Whether its last acceptance took long; kept from lease to lease."""
        self.letting_go = False
        self.deadline = 0.0
        self._rows: set[tuple[int, bool]] = set()
        self._queues: dict[str, deque[Item]] = {}
        self._ready: deque[Item] = deque()
        self._later: list[tuple[datetime, int, Item]] = []
        self._numbers = itertools.count()
        for item in waiting:
            self._rows.add((item.position, item.again))
            self._enqueue(item, now)

    def hand_over(self) -> Changes:
        """Return what is to be written now; what happens from here on is written next time."""
        changes, self.changes = self.changes, Changes()
        replay = self.replay.reached if self.replay is not None and not self.replay.done else None
        changes.progress = Progress(
            self.live.reached, replay, self.failures, self.probe_after, self.quiet_until, self.slow
        )
        return changes

    @property
    def strained(self) -> bool:
        """Whether its requests may hold places for long: they take none from receivers that answer at once."""
        return self.failures > 0 or self.slow

    # What was read

    @property
    def room(self) -> int:
        """How many more events may be read."""
        if self.letting_go or len(self._rows) >= WAITING_MAX or (self.failures >= FAILING_AT and self._fresh() > 0):
            return 0
        return max(0, (1 if self.failures >= FAILING_AT else WINDOW) - self._fresh())

    def _fresh(self) -> int:
        return len(self.live.open) + (len(self.replay.open) if self.replay is not None else 0)

    def take(self, reading: Reading, items: Iterable[Item], *, whole: bool, now: datetime) -> None:
        """Add what was read of the stream; `whole` when there was no more."""
        reading.unread = not whole
        for item in items:
            reading.read_to = item.position
            self.changes.moved = True
            key = (item.position, item.again)
            if key in self._rows or not wants(self.lease.event_types, item.ce_type):
                continue
            reading.open[item.position] = None
            if item.ce_type == ERASED:
                item.lets_land = tuple(self.flying)
            self._enqueue(item, now)
        if whole and reading.until is not None:
            reading.read_to = max(reading.read_to, reading.until)
            self.changes.moved = True

    def _enqueue(self, item: Item, now: datetime) -> None:
        queue = self._queues.setdefault(item.subject, deque())
        queue.append(item)
        if len(queue) == 1:
            self._plan(item)
            return
        if item.stored and item.due_at is not None:
            # It was first of its referral when it was written; now something is before it.
            self._store(item, None, now)
        elif not item.stored and queue[0].stored and queue[0] not in self.flying and queue[0].due_at is not None:
            self._store(item, None, now)

    def _plan(self, item: Item) -> None:
        if item.due_at is None:
            self._ready.append(item)
        else:
            heapq.heappush(self._later, (item.due_at, next(self._numbers), item))

    # What is sent

    def next_item(self, now: datetime) -> Item | None:
        """Return the event to send now, marked as on its way; None when none may leave."""
        if self.letting_go or len(self.flying) >= self._at_once or (self.quiet_until and self.quiet_until > now):
            return None
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])
        resting = self.probe_after is not None and self.probe_after > now
        for _ in range(len(self._ready)):
            item = self._ready.popleft()
            if (resting and item.attempts == 0) or any(other in self.flying for other in item.lets_land):
                self._ready.append(item)
                continue
            self.flying[item] = None
            return item
        return None

    @property
    def _at_once(self) -> int:
        return AT_ONCE if self.proven and self.failures < FAILING_AT else 1

    def put_back(self, item: Item) -> None:
        """Say that the event was not sent after all."""
        del self.flying[item]
        self._ready.appendleft(item)

    def answered(self, item: Item, answer: Answer, at: datetime, now: datetime) -> None:
        """Take note of what came of the event."""
        del self.flying[item]
        item.attempts += 1
        item.first_at = item.first_at or at
        next_at = None
        if answer.delivered:
            self.slow = answer.took_ms > SLOW_MS
            self._accepted(item, now)
        else:
            next_at = self._failed(item, answer, now)
        self._log(item, at, answer, next_at)

    def _log(self, item: Item, at: datetime, answer: Answer, next_at: datetime | None = None) -> None:
        kind = "again" if item.again else "event"
        self.changes.attempts.append(
            Attempt(self.lease.webhook_id, item.event_id, item.ce_type, item.position, kind, item.attempts, at,
                    answer, next_at)
        )  # fmt: skip

    def gone(self, item: Item, now: datetime) -> None:
        """Say that the event is not in the stream any more: nothing is left to send."""
        del self.flying[item]
        self._finish(item, now)

    def withdrawn(self, item: Item, now: datetime) -> None:
        """Say that its person was erased since: it is never sent, the log says why, and the receiver is not blamed."""
        self._log(item, now, Answer(WITHDRAWN))
        self.gone(item, now)

    def _accepted(self, item: Item, now: datetime) -> None:
        recovered = self.failures >= FAILING_AT
        self.failures, self.probe_after, self.quiet_until = 0, None, None
        self.proven, self.changes.moved = True, True
        self.changes.last_success_at = now
        self._finish(item, now)
        if recovered:
            # The receiver is back: whatever waits for its hour has waited long enough.
            while self._later:
                waiting = heapq.heappop(self._later)[2]
                self._ready.append(waiting)

    def _finish(self, item: Item, now: datetime) -> None:
        queue = self._queues[item.subject]
        queue.popleft()
        self._close(item)
        if item.stored:
            key = (item.position, item.again)
            self._rows.discard(key)
            self.changes.stored.pop(key, None)
            self.changes.removed[key] = None
        if not queue:
            del self._queues[item.subject]
            return
        head = queue[0]
        if head.stored:
            # Written as due: if this process ends here, whoever comes next finds it.
            self._store(head, now, now)
            head.due_at = None
        self._plan(head)

    def _failed(self, item: Item, answer: Answer, now: datetime) -> datetime | None:
        self.failures += 1
        self.probe_after = probe_after(self.failures, now)
        rest = asked_rest(answer)
        if rest:
            self.quiet_until = now + timedelta(seconds=rest)
        next_at = None if answer.outcome == "gone" else next_attempt(item.attempts, answer, now)
        if next_at is None:
            self.letting_go = True
            self.changes.disabled = "gone" if answer.outcome == "gone" else "exhausted"
        self._store(item, next_at or now, now)
        item.due_at = next_at or now
        self._plan(item)
        for behind in list(self._queues[item.subject])[1:]:
            self._store(behind, None, now)
        return next_at

    def _store(self, item: Item, due_at: datetime | None, now: datetime) -> None:
        item.stored, item.due_at = True, due_at
        item.first_at = item.first_at or now
        key = (item.position, item.again)
        self._rows.add(key)
        # A copy: the item goes on while its row waits to be written.
        self.changes.stored[key] = replace(item)
        self.changes.removed.pop(key, None)
        self._close(item)

    def _close(self, item: Item) -> None:
        reading = self.replay if item.again else self.live
        if reading is not None and reading.open.pop(item.position, False) is None:
            self.changes.moved = True

    # When it is over

    def idle(self, now: datetime) -> bool:
        """Say whether there is nothing to do for a while, and nothing left to write."""
        if self.flying or self.changes:
            return False
        if self.letting_go:
            return True
        if self.quiet_until is not None and self.quiet_until > now:
            return self.quiet_until > now + KEPT_FOR
        if self._ready:
            return self.probe_after is not None and self.probe_after > now + KEPT_FOR
        if self._later and self._later[0][0] <= now + KEPT_FOR:
            return False
        resting = self.probe_after is not None and self.probe_after > now + KEPT_FOR
        unread = self.live.unread or (self.replay is not None and self.replay.unread)
        return resting or not unread
