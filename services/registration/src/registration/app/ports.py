"""What the use cases need from outside. Every store is bound to the transaction of its caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from registration.domain.identity import Described
from registration.domain.registration import Identified, Registration


class Persons(Protocol):
    """Persons to be found, added and recognised."""

    async def is_identified(self, referral_id: UUID) -> bool:
        """Say whether this referral has led to a person already."""
        ...

    async def find_or_add(self, described: Described, subject_ref: UUID) -> Registration:
        """Return the person so described, else a new draft under `subject_ref`; locked until the transaction ends.

        Two callers at once, for one person, get one and the same: the second waits and finds what the first added.
        """
        ...

    async def save(self, registration: Registration, fact: Identified) -> None:
        """Store a locked registration and the fact, and tell it."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """A person as registration knows them. `described` is None once erased."""

    registration: Registration
    described: Described | None


class Files(Protocol):
    """Persons to be read. Nothing here locks."""

    async def find(self, subject_ref: UUID) -> Known | None: ...


class Audit(Protocol):
    """Who read personal data. Bound to the reader and to the purpose; part of the reading's transaction."""

    async def read(self, subject_refs: Sequence[UUID]) -> None:
        """Record it. Last in the transaction: the audit is one chain, and everybody who reads waits for it."""
        ...
