"""What granting, keeping and revoking access to Kafka needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from partners.domain.kafka_drift import Found, Right


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """An organisation's access to Kafka: what is wanted and how far it has come."""

    organisation_id: UUID
    code: str
    topic: str
    state: str
    """requested, granted, revoking or revoked."""
    ready: bool
    """The topic holds the whole stream and follows it."""
    password_lost: bool = False
    """The broker has no such user any more: the organisation needs a new password."""


class KafkaAccesses(Protocol):
    """The wanted and actual state of accesses."""

    async def find(self, code: str) -> KafkaAccess | None: ...

    async def lock(self, organisation_id: UUID) -> KafkaAccess | None:
        """Return the access and keep others from changing it until the transaction ends."""
        ...

    async def request(self, organisation_id: UUID, password: str, at: datetime) -> None:
        """Want access with this password, which is kept sealed until the broker has it."""
        ...

    async def password_of(self, organisation_id: UUID) -> str: ...

    async def settle(self, organisation_id: UUID, state: str, at: datetime) -> None:
        """Note a state other than requested, and forget the password."""
        ...

    async def unsettled(self) -> list[KafkaAccess]:
        """Return the accesses for which something is left to do."""
        ...

    async def every(self) -> list[KafkaAccess]:
        """Return every access that was ever asked for."""
        ...

    async def note_lost(self, organisation_ids: Collection[UUID], at: datetime) -> None:
        """Note which granted accesses have no user, and that all others have theirs."""
        ...

    async def publish_page(self, organisation_id: UUID, limit: int, at: datetime) -> bool:
        """Write the next rows of the stream to the outbox; True once the topic follows the stream."""
        ...

    async def publish_again(self, organisation_id: UUID) -> None:
        """Begin the topic anew with the stream's first row; what waits to be sent to it is in the pages to come."""
        ...

    async def stop_publishing(self, organisation_id: UUID) -> None:
        """Stop following the stream; a later grant goes on where this one ends."""
        ...


class KafkaCluster(Protocol):
    """The broker's administration; every call can be repeated. Raises DependencyDown when it does not answer."""

    async def has_topic(self, topic: str) -> bool: ...

    async def ensure_topic(self, topic: str) -> None: ...

    async def allow(self, rights: Sequence[Right]) -> None:
        """Grant rights; those that are granted stay."""
        ...

    async def set_password(self, user: str, password: str) -> None:
        """Let the user log in with this password and with no other one; who is connected stays so."""
        ...

    async def verify(self, user: str, password: str, *, topic: str) -> None:
        """Return once the user can log in and sees the topic."""
        ...

    async def revoke(self, user: str) -> None: ...


class KafkaInventory(Protocol):
    """All organisations' accesses as the broker has them, in a number of calls that does not depend on how many."""

    async def found(self, topics: Sequence[str]) -> Found: ...

    async def allow(self, rights: Sequence[Right]) -> None: ...

    async def forbid(self, rights: Sequence[Right]) -> None:
        """Remove exactly these rights."""
        ...

    async def forget_logins(self, logins: Sequence[tuple[str, str]]) -> None:
        """Remove these users' passwords, each given with its mechanism."""
        ...

    async def configure(self, topics: Sequence[str], config: Mapping[str, str]) -> None: ...


class KafkaAdministration(KafkaCluster, KafkaInventory, Protocol):
    """Both: one organisation's access, and everybody's at once."""
