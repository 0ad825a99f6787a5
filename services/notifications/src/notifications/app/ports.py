"""What the use cases need from outside. Every store is bound to the transaction of its caller."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from notifications.domain.fact import Fact
from notifications.domain.notice import Notice, Told
from notifications.domain.template import Written
from notifications.domain.texts import Values


@dataclass(frozen=True, slots=True)
class Requested:
    """A notice with the event that asked for it."""

    notice: Notice
    fact: Fact
    thread: str
    says: str
    supersede_key: UUID | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Last:
    """The last notice of a thread that was told or will be."""

    says: str


@dataclass(frozen=True, slots=True)
class Thread:
    """What a recipient was told before about the same thing."""

    begun: bool
    last: Last | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a carrier said of a notice after taking it."""

    delivered: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try on one channel, for the record of deliveries; `outcome` is a code of ours."""

    channel: str
    outcome: str
    at: datetime
    reference: str | None = None


class Notices(Protocol):
    """Notices to be changed. What is told goes out with the change, in one statement."""

    async def thread(self, thread: str) -> Thread:
        """Return what was told in this thread."""
        ...

    async def add(self, requested: Requested, told: Sequence[Told]) -> None:
        """Store a notice; one that is there already, because its event is read again, stays as it is."""
        ...

    async def unsent(self, templates: Collection[str], key: UUID) -> Sequence[tuple[Notice, Fact]]:
        """Return the open notices of these templates with this key, locked."""
        ...

    async def of_person(self, subject_ref: UUID) -> Sequence[Notice]:
        """Return a person's open notices, locked."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Requested]:
        """Return notices that are due, locked, the oldest first, without those that somebody else locks."""
        ...

    async def lock(self, notice_id: UUID) -> Requested | None:
        """Return a notice that nobody else may change before the transaction ends."""
        ...

    async def save(self, notice: Notice, told: Sequence[Told], attempt: Attempt | None = None) -> None:
        """Store a locked notice's new state, the try that led to it, and its events."""
        ...

    async def note(self, notice_id: UUID, attempt: Attempt) -> None:
        """Record a try whose outcome changes the notice no more."""
        ...

    async def receipt(self, notice_id: UUID, channel: str) -> Receipt | None:
        """Return what the carrier has said of this channel already."""
        ...

    async def keep_receipt(self, notice_id: UUID, channel: str, receipt: Receipt) -> bool:
        """Keep what the carrier says; return False for a repeat."""
        ...

    async def told_since(self, subject_ref: UUID, since: datetime, *, besides: UUID) -> int:
        """Return how many other notices this person got since then, those being sent included."""
        ...

    async def forget(self, subject_ref: UUID) -> None:
        """Forget which notices were this person's, and what they refused."""
        ...

    async def forget_ended(self, subject_ref: UUID) -> None:
        """Forget it of the notices that have ended, and what they refused, waiting for no other notice.

        A notice that somebody else has locked is left out: with its own end, or with the person's, it is forgotten.
        """
        ...


class OptOuts(Protocol):
    """Which channels persons refused."""

    async def of(self, subject_refs: Collection[UUID]) -> Mapping[UUID, frozenset[str]]: ...

    async def put(self, subject_ref: UUID, channel: str, at: datetime) -> None: ...

    async def remove(self, subject_ref: UUID, channel: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation that takes part, with its public contact."""

    organisation_id: UUID
    name: str
    phone: str
    postal_address: str
    email: str | None
    sandbox: bool = False


class Organisations(Protocol):
    """The organisations that take part, as last heard of."""

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        """Return those that have been heard of."""
        ...


@dataclass(frozen=True, slots=True)
class Meeting:
    """An appointment as registration knows it now."""

    status: str
    starts_at: datetime | None
    place: str | None = None
    modality: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """How to reach somebody, known for as long as a batch takes. Never stored, logged or printed."""

    version: int
    gone: bool
    first_name: str | None = None
    language: str = "fr"
    phone: str | None = None
    email: str | None = None
    opt_outs: frozenset[str] = frozenset()
    links: Mapping[UUID, str] = field(default_factory=dict)
    meetings: Mapping[UUID, Meeting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """A notice in hand, with what this service itself knows for it."""

    requested: Requested
    opt_outs: frozenset[str]
    organisations: Mapping[UUID, Organisation]

    @property
    def notice(self) -> Notice:
        return self.requested.notice

    @property
    def fact(self) -> Fact:
        return self.requested.fact


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """What a carrier is given. Never stored, logged or printed."""

    notice_id: UUID
    to: str
    body: str
    language: str
    subject: str = ""
    reply_to: str | None = None


class Refused(Exception):
    """The carrier will never take this message; `code` is a code of ours or a number of the protocol."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Deferred(Exception):
    """The carrier cannot take this message now, and says so."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Carrier(Protocol):
    """Whoever brings messages of one channel."""

    async def send(self, message: Message) -> str | None:
        """Hand the message over and return the carrier's reference; the same notice again is brought once.

        Raises Refused, Deferred, or DependencyDown when nobody answers.
        """
        ...

    async def close(self) -> None:
        """Close what stays open between messages."""
        ...


class Says(Protocol):
    """What the texts of a notice may say."""

    def values(self, taken: Taken, contact: Contact | None, channel: str, language: str, now: datetime) -> Values: ...

    def address(self, channel: str, raw: str | None, commune: str) -> str | None:
        """Return a phone or an e-mail address as the carrier wants it, or None where it cannot be used."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A notice with the message to send."""

    notice: Notice
    channel: str
    written: Written
    message: Message
