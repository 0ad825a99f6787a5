"""What the use cases need from outside; adapters implement it, each bound to the transaction that is open."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from partners.domain.access import Client, Member, Role, Secret
from partners.domain.organisation import Organisation, OrganisationFact
from partners.domain.stream import Fact, KnownReferral, KnownStep, Stream


class Organisations(Protocol):
    """The organisations of this database."""

    async def find(self, code: str) -> Organisation | None: ...

    async def of_id(self, organisation_id: UUID) -> Organisation | None: ...

    async def lock(self, code: str) -> Organisation | None:
        """Return the organisation and keep others from changing it until the transaction ends."""
        ...

    async def another_answers(self, organisation: Organisation) -> bool:
        """Say whether another council of its world has one of this organisation's collectivities."""
        ...

    async def add(self, organisation: Organisation) -> None: ...

    async def save(self, organisation: Organisation) -> None: ...


class Clients(Protocol):
    """API clients, by their public id."""

    async def find(self, client_id: str, at: datetime) -> tuple[Client, Organisation] | None:
        """Return the client with the secrets that live at that moment."""
        ...

    async def lock(self, client_id: str, organisation_id: UUID, at: datetime) -> Client | None:
        """Return an organisation's client and keep others from changing it until the transaction ends."""
        ...

    async def add(self, client: Client) -> None:
        """Add the client with its secrets."""
        ...

    async def replace(self, client: Client) -> None:
        """Add the client, or give it this one secret and these scopes; a revoked one stays revoked."""
        ...

    async def add_secret(self, client_id: str, secret: Secret) -> None: ...

    async def end_secret(self, secret_id: UUID, expires_at: datetime) -> None: ...

    async def revoke_secret(self, secret_id: UUID, at: datetime) -> None: ...

    async def note_use(self, secret_id: UUID, at: datetime) -> None:
        """Remember that the secret was used, unless somebody noted that less than a minute ago."""
        ...

    async def revoke(self, client_id: str, organisation_id: UUID, at: datetime) -> bool | None:
        """Return None when there is no such client, False when it was revoked before."""
        ...


class Members(Protocol):
    """Members of organisations."""

    async def find(self, member_id: UUID) -> tuple[Member, Organisation] | None: ...

    async def add(self, member: Member, at: datetime) -> Member:
        """Add the member and return them, or return the one that has the same label in the same organisation."""
        ...

    async def another_has(self, member: Member, label: str) -> bool:
        """Say whether another member of the organisation has this label."""
        ...

    async def count(self, organisation_id: UUID, role: Role) -> int: ...

    async def save(self, member: Member) -> None: ...

    async def remove(self, member_id: UUID) -> None: ...


class Publisher(Protocol):
    """Publishes facts about organisations when the transaction commits."""

    async def publish(self, fact: OrganisationFact, *, event_id: UUID) -> None: ...


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One event at its place in one stream; headers (JSON) and payload are the record on the organisation's topic."""

    stream: Stream
    position: int
    event_id: UUID
    ce_type: str
    subject: str
    headers: str
    payload: bytes
    person: UUID | None = None
    """Of whom this tells the organisation."""


@dataclass(frozen=True, slots=True)
class Present:
    """What was there before some facts are placed."""

    held: frozenset[tuple[UUID, UUID]]
    """(organisation, event) pairs that streams hold already."""
    sandboxed: frozenset[UUID]
    """Those of the referrers that are of the sandbox."""


class Streams(Protocol):
    """Streams and what decides their content."""

    async def enter_gate(self, *, alone: bool) -> None:
        """Wait until nobody is in who must be alone; with `alone`, until nobody is in at all."""
        ...

    async def open(self, organisation: Organisation) -> None: ...

    async def lock(self, organisation_id: UUID) -> Stream:
        """Lock one stream and return it with all its communes."""
        ...

    async def lock_concerned(self, facts: Sequence[Fact]) -> list[Stream]:
        """Lock, in the order of organisations, every stream these facts may belong to; then read their scope."""
        ...

    async def note_erased(self, persons: Sequence[UUID], at: datetime) -> None:
        """Remember that nothing is told of these persons any more, and who was told of their referrals."""
        ...

    async def erase_rows(self, persons: Sequence[UUID]) -> None:
        """Leave nothing of these persons on any stream but their erasure: each row keeps its place, id and time."""
        ...

    async def erased(self, persons: Collection[UUID], referrals: Collection[UUID]) -> set[UUID]:
        """Return those of the persons who were erased, and those of the referrals whose person was."""
        ...

    async def present(self, facts: Sequence[Fact]) -> Present:
        """Return what is there of these facts; their streams are locked."""
        ...

    async def append(self, rows: Sequence[StreamRow], at: datetime) -> None:
        """Write rows of locked streams, and those of streams on Kafka to the outbox, in order."""
        ...

    async def choose_types(self, organisation: Organisation) -> None:
        """Have a stream take the types that its organisation asks for; the caller is alone in the gate."""
        ...

    async def change_communes(self, stream: Stream, *, added: Iterable[str], removed: Iterable[str]) -> None: ...


class Referrals(Protocol):
    """What is known of referrals, from their events."""

    async def remember(self, referrals: Sequence[KnownReferral]) -> None:
        """Keep each referral, unless a later version of it is known."""
        ...

    async def remember_steps(self, steps: Sequence[KnownStep]) -> None:
        """Keep where each accompaniment, appointment and enrolment stands, unless a later version of it is known."""
        ...

    async def remember_persons(self, persons: Mapping[UUID, UUID]) -> None:
        """Keep whose each referral is, by the referral."""
        ...

    async def detailed(self, referrals: Mapping[UUID, KnownReferral]) -> dict[UUID, KnownReferral]:
        """Return the same referrals, by the same keys, each with its steps and its person."""
        ...

    async def following(
        self, streams: Sequence[Stream], referrals: Mapping[UUID, KnownReferral]
    ) -> set[tuple[UUID, UUID]]:
        """Return the (organisation, referral) pairs of these that follow one another."""
        ...

    async def moved_to(self, referral_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return where the persons live of those of the referrals that have been elsewhere."""
        ...

    async def unfollowed(self, stream: Stream, communes: Sequence[str]) -> list[KnownReferral]:
        """Return the open referrals of the stream's world in these communes that it does not follow, oldest first.

        Each with its steps and its person; none of a person who was erased.
        """
        ...

    async def followed(self, stream: Stream, communes: Sequence[str]) -> list[KnownReferral]:
        """Return the referrals in these communes that the stream follows, open or not, oldest first.

        It follows one of which it was told anything, be it a step alone; none of a person who was erased.
        """
        ...


class StreamEvents(Protocol):
    """Makes the events that exist on one organisation's stream only."""

    def snapshot(
        self, referral: KnownReferral, stream: Stream, position: int, *, cause: UUID, reason: str, at: datetime
    ) -> StreamRow: ...

    def left_scope(
        self, referral: KnownReferral, stream: Stream, position: int, *, cause: UUID, reason: str, at: datetime
    ) -> StreamRow: ...


class Copies(Protocol):
    """Makes the copies of source events for the streams that receive them."""

    def copy(self, fact: Fact, places: Sequence[tuple[Stream, int]]) -> Sequence[StreamRow]:
        """Return one row a place, with the bytes of the source event."""
        ...


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One event as it is stored in a stream."""

    position: int
    headers: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class FeedWindow:
    """A look at a stream: its last position, how far was looked, and the rows found on the way, in order.

    Nothing up to `purged` is kept: whoever asked for what follows an earlier position is given nothing.
    """

    last: int
    reached: int
    rows: Sequence[FeedRow]
    purged: int = 0


class Feed(Protocol):
    """Reads streams, holding no connection between two reads."""

    async def read(
        self, organisation_id: UUID, after: int, limit: int, types: Sequence[str] | None = None
    ) -> FeedWindow:
        """Return the next rows, of some types or of all; with types, a bounded number of rows is looked at."""
        ...

    async def arrival(self, organisation_id: UUID, after: int, seconds: float) -> None:
        """Return when the stream may hold something past `after`, or when the time is over."""
        ...
