"""What joining needs from outside, bound to the transaction that is open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from partners.app.organisation_desk import Desk
from partners.app.ports import Members, StreamRow
from partners.domain.join_request import JoinRequest, JoinRequestFact, JoinRequestState
from partners.domain.stream import Stream


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """Whom a request's mails go to, and the link they hold. Never logged or printed."""

    email: str
    link: str


@dataclass(frozen=True, slots=True)
class Reachable:
    """A request with its contact; None once that is forgotten."""

    request: JoinRequest
    contact: Contact | None


class JoinRequests(Protocol):
    """Requests to join."""

    async def add(self, request: JoinRequest, contact: Contact) -> None:
        """Store the request, its contact sealed, and have the clock look at it when it is due."""
        ...

    async def asked_since(self, email: str, since: datetime) -> int:
        """Return how many requests this address made since then, of those whose address is still known."""
        ...

    async def find_by_link(self, link: str) -> JoinRequest | None: ...

    async def lock_by_link(self, link: str) -> JoinRequest | None: ...

    async def lock(self, join_request_id: UUID) -> JoinRequest | None: ...

    async def in_state(self, state: JoinRequestState | None, limit: int) -> Sequence[JoinRequest]:
        """Return requests in a state, or in any, the oldest first."""
        ...

    async def save(self, request: JoinRequest) -> None:
        """Store a locked request, and have the clock look at it when it is due."""
        ...

    async def forget_contact(self, join_request_id: UUID) -> None:
        """Make the contact unreadable for ever."""
        ...

    async def reachable(self, join_request_ids: Collection[UUID]) -> Sequence[Reachable]: ...


class JoinPublisher(Protocol):
    """Publishes facts about requests when the transaction commits."""

    async def publish(self, fact: JoinRequestFact) -> None: ...


class TestEvents(Protocol):
    """Makes the synthetic event of one stream."""

    def synthetic(self, stream: Stream, position: int, *, correlation_id: UUID, at: datetime) -> StreamRow: ...


@dataclass(frozen=True, slots=True)
class JoinDesk:
    """What answering a request touches, in one transaction."""

    requests: JoinRequests
    publisher: JoinPublisher
    desk: Desk
    members: Members
