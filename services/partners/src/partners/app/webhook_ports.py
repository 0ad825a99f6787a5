"""What the use cases of webhooks need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from partners.domain.webhook import Answer, Secret, Webhook


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to send: what is signed is exactly `body`, under `message_id`."""

    message_id: str
    body: bytes
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to a receiver, for the log."""

    webhook_id: UUID
    event_id: UUID
    ce_type: str
    position: int | None
    kind: str
    """event, again (a redelivery), test or challenge."""
    attempt: int
    at: datetime
    answer: Answer
    next_at: datetime | None = None


class Sender(Protocol):
    """Sends signed requests to receivers; never raises because of what a receiver does."""

    async def post(self, url: str, secrets: Sequence[str], message: Message) -> tuple[Answer, bytes]:
        """Return what came of it and the beginning of the answer's body."""
        ...

    async def close(self) -> None:
        """Close every connection; the next request opens its own."""
        ...


class Webhooks(Protocol):
    """The webhooks of this database, in the transaction that is open."""

    async def all_of(self, organisation_id: UUID) -> list[Webhook]: ...

    async def lock_owner(self, organisation_id: UUID) -> int:
        """Keep others from adding to the organisation's webhooks; return its stream's last position."""
        ...

    async def find(self, organisation_id: UUID, webhook_id: UUID, *, lock: bool = False) -> Webhook | None: ...

    async def add(self, webhook: Webhook) -> None: ...

    async def change(self, webhook: Webhook, at: datetime) -> None:
        """Store state, reason, failures and the range to send again; whoever delivers reads them anew."""
        ...

    async def delete(self, webhook_id: UUID) -> None: ...

    async def retry_now(self, webhook_id: UUID, at: datetime) -> None:
        """Begin again with what waits: its first attempts are due now."""
        ...

    async def add_secret(self, webhook_id: UUID, secret_id: UUID, secret: str, at: datetime) -> None: ...

    async def expire_secrets(self, webhook_id: UUID, except_id: UUID, at: datetime) -> None:
        """Let every other secret end at `at`, where it would not end before."""
        ...

    async def secrets(self, webhook_id: UUID, at: datetime) -> list[Secret]: ...

    async def signing(self, webhook_id: UUID, at: datetime) -> list[str]:
        """Return the live secrets, newest first."""
        ...

    async def send_again(self, webhook: Webhook, event_id: UUID, at: datetime) -> int | None:
        """Let one event of the stream be sent again; its position, or None where the stream has no such event."""
        ...

    async def position_since(self, organisation_id: UUID, since: datetime) -> int:
        """Return the last position before an instant, of those kept."""
        ...

    async def purged(self, organisation_id: UUID) -> int:
        """Return the position up to which the stream is no longer kept; the caller has locked its owner."""
        ...

    async def waiting(self, webhook_ids: Sequence[UUID]) -> Mapping[UUID, tuple[int, datetime]]:
        """Return how many events wait for another attempt, or behind one, and since when."""
        ...

    async def log(self, attempts: Sequence[Attempt]) -> None: ...
