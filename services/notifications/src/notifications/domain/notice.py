"""A notice: one thing to tell one person or organisation, once.

Every change goes through `Notice._move`, which follows states.TABLE: a command leads to a state of the table, or
raises NoticeRefused and changes nothing. What has to be told to others is returned as Told. It never holds a contact
or a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from notifications.domain.errors import IllegalTransition, WrongActor
from notifications.domain.states import ACTORS_OF, TABLE, Actor, Command, Reason, State

RETRY_DELAYS = tuple(timedelta(seconds=30 * 4**n) for n in range(5))
"""Between the tries on one channel: 30 s, 2 min, 8 min, 32 min, 2 h 08; a carrier's bad hours are over by then."""

SPREAD = 0.25
"""Each notice's delays are up to a quarter longer, by its id: those refused together do not come back together."""

LEASE = timedelta(minutes=2)
"""Longer than a batch can take (claim check 10 s, three rounds of 20 s): afterwards whoever took it is dead."""

TAKES_MAX = 10
"""A notice taken this often without any answer recorded kills whoever takes it: a human looks at it."""


class Kind(StrEnum):
    """What there is to tell about a notice."""

    HELD = "held"
    SUPPRESSED = "suppressed"
    SUPERSEDED = "superseded"
    SENT = "sent"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Told:
    """What happened: the fact that an event tells."""

    kind: Kind
    version: int
    at: datetime
    channel: str | None = None
    until: datetime | None = None
    reason: Reason | None = None


@dataclass(slots=True)
class Notice:
    """The aggregate. `due_at` is when to look at it next; while `sending`, when whoever took it is given up."""

    notice_id: UUID
    template: str
    audience: str
    channels: tuple[str, ...]
    due_at: datetime
    not_after: datetime
    subject_ref: UUID | None = None
    organisation_id: UUID | None = None
    referral_id: UUID | None = None
    state: State = State.REQUESTED
    reason: Reason | None = None
    channel: str | None = None
    """The channel being tried, or the last one tried."""
    tried: tuple[str, ...] = ()
    """Channels given up."""
    attempts: int = 0
    """Temporary refusals on `channel`."""
    takes: int = 0
    version: int = 0
    sent_at: datetime | None = None
    superseded_at: datetime | None = None

    def left(self) -> Sequence[str]:
        """Return the channels not given up, in order."""
        return [channel for channel in self.channels if channel not in self.tried]

    def hold(self, by: Actor, now: datetime, until: datetime) -> list[Told]:
        self._move(Command.HOLD, by, State.HELD)
        self.due_at = until
        return [self._told(Kind.HELD, now, until=until)]

    def take(self, by: Actor, now: datetime) -> list[Told]:
        """Take in hand: nobody else does before the lease is over."""
        self._move(Command.TAKE, by, State.SENDING)
        self.takes += 1
        self.due_at = now + LEASE
        return []

    def release(self, by: Actor, now: datetime, wait: timedelta | None = None) -> list[Told]:
        """Give back, to be looked at after `wait`: whom we depend on did not answer, which counts for nothing.

        Without `wait` the lease is over, and that it was taken does count: nobody knows what became of it.
        """
        if self.superseded_at is not None:
            return self._superseded(Command.RELEASE, by, now)
        self._move(Command.RELEASE, by, State.REQUESTED)
        if wait is not None:
            self.takes = 0
        self.due_at = now + (wait or timedelta(0))
        return []

    def try_channel(self, channel: str) -> None:
        """Note which channel is tried now; attempts count per channel."""
        if channel != self.channel:
            self.channel, self.attempts = channel, 0

    def accept(self, by: Actor, now: datetime) -> list[Told]:
        """The carrier took it."""
        self._move(Command.ACCEPT, by, State.SENT)
        self.takes, self.sent_at = 0, now
        return [self._told(Kind.SENT, now, channel=self.channel)]

    def defer(self, by: Actor, now: datetime) -> list[Told]:
        """The carrier cannot now: later on this channel, else the next, else a human."""
        if self.superseded_at is not None:
            return self._superseded(Command.DEFER, by, now)
        self._allow(Command.DEFER, by)
        if self.attempts < len(RETRY_DELAYS):
            due_at = now + RETRY_DELAYS[self.attempts] * (1 + SPREAD * (self.notice_id.int % 997) / 997)
            if due_at < self.not_after:
                self._move(Command.DEFER, by, State.RETRY)
                self.attempts, self.takes, self.due_at = self.attempts + 1, 0, due_at
                return []
        return self._give_up(Command.DEFER, by, now)

    def refuse(self, by: Actor, now: datetime) -> list[Told]:
        """The carrier never will: the next channel, else a human."""
        if self.superseded_at is not None:
            return self._superseded(Command.REFUSE, by, now)
        return self._give_up(Command.REFUSE, by, now)

    def exhaust(self, by: Actor, now: datetime) -> list[Told]:
        self._move(Command.EXHAUST, by, State.EXHAUSTED)
        return [self._told(Kind.EXHAUSTED, now)]

    def suppress(self, by: Actor, now: datetime, reason: Reason) -> list[Told]:
        self._move(Command.SUPPRESS, by, State.SUPPRESSED)
        self.reason = reason
        return [self._told(Kind.SUPPRESSED, now, reason=reason)]

    def supersede(self, by: Actor, now: datetime) -> list[Told]:
        """A newer fact makes it untrue. In a carrier's hands already, it is only noted."""
        if self.state is State.SENDING:
            self._move(Command.SUPERSEDE, by, State.SENDING)
            self.superseded_at = self.superseded_at or now
            return []
        return self._superseded(Command.SUPERSEDE, by, now)

    def deliver(self, by: Actor, now: datetime) -> list[Told]:
        """The carrier says that it arrived."""
        self._move(Command.DELIVER, by, State.DELIVERED)
        return [self._told(Kind.DELIVERED, now, channel=self.channel)]

    def bounce(self, by: Actor, now: datetime) -> list[Told]:
        """The carrier says that it will never arrive."""
        return self._give_up(Command.BOUNCE, by, now)

    def _superseded(self, command: Command, by: Actor, now: datetime) -> list[Told]:
        self._move(command, by, State.SUPERSEDED)
        self.superseded_at = self.superseded_at or now
        return [self._told(Kind.SUPERSEDED, now)]

    def _give_up(self, command: Command, by: Actor, now: datetime) -> list[Told]:
        self._allow(command, by)
        tried = self.tried if self.channel is None else (*self.tried, self.channel)
        left = any(channel not in tried for channel in self.channels)
        self._move(command, by, State.FALLBACK if left else State.EXHAUSTED)
        self.tried, self.attempts, self.takes, self.due_at = tried, 0, 0, now
        return [] if left else [self._told(Kind.EXHAUSTED, now)]

    def _allow(self, command: Command, by: Actor) -> frozenset[State]:
        if by not in ACTORS_OF[command]:
            raise WrongActor
        targets = TABLE.get((self.state, command))
        if targets is None:
            raise IllegalTransition
        return targets

    def _move(self, command: Command, by: Actor, target: State) -> None:
        if target not in self._allow(command, by):
            raise IllegalTransition
        self.state = target
        self.version += 1

    def _told(self, kind: Kind, at: datetime, **what: object) -> Told:
        return Told(kind, self.version, at, **what)  # type: ignore[arg-type]  # only Told's own optional fields are given
