"""What the use cases need from outside. Every store is bound to the transaction of its caller."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from registration.domain.accompaniment import Accompaniment
from registration.domain.appointment import Appointment, Fact
from registration.domain.identity import Described
from registration.domain.link import Link, Purpose
from registration.domain.recognition import Recognised
from registration.domain.registration import Erasure, Identified, Registration
from registration.domain.sharing import Sharing
from registration.domain.support import Support, TierChanged


class Persons(Protocol):
    """Persons to be found, added and recognised."""

    async def is_identified(self, referral_id: UUID) -> bool:
        """Say whether this referral has led to a person already."""
        ...

    async def find_or_add(self, described: Described, subject_ref: UUID) -> Recognised:
        """Return the person so described, else a new draft under `subject_ref`; locked until the transaction ends.

        Two callers at once, for one person, get one and the same: the second waits and finds what the first added.
        Nothing of the description is added to a file that was found.
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

    async def tiers(self, subject_ref: UUID) -> Sequence[TierChanged]:
        """Return how a person's tier came about, the oldest change first."""
        ...

    async def contacts(self, subject_refs: Sequence[UUID]) -> Sequence[Known]:
        """Return those persons that exist."""
        ...

    async def appointments(
        self, subject_refs: Sequence[UUID], appointment_ids: Sequence[UUID]
    ) -> Sequence[Appointment]:
        """Return those of the appointments that are these persons'."""
        ...


class Erasures(Protocol):
    """Persons to be erased."""

    async def lock(self, subject_ref: UUID) -> tuple[Registration, datetime] | None:
        """Return a person and when they last changed, locked until the transaction ends."""
        ...

    async def save(self, registration: Registration, fact: Erasure) -> None:
        """Destroy a locked person's key, delete all that is kept about them, and tell it."""
        ...


class Sharings(Protocol):
    """What went from whom to whom."""

    async def note(self, sharing: Sharing) -> None:
        """Keep it, once for each source; nothing for a person who is erased."""
        ...

    async def of(self, subject_ref: UUID) -> Sequence[Sharing]:
        """Return all that was shared about a person, the oldest first."""
        ...


class Supports(Protocol):
    """The tiers of persons, and the accompaniments that decide them."""

    async def lock(self, subject_ref: UUID) -> Support | None:
        """Return a person's support, locked until the transaction ends; None once erased. Raises NotFound."""
        ...

    async def keep(self, told: Accompaniment) -> bool:
        """Store where an accompaniment stands; return False, and store nothing, if something newer is known."""
        ...

    async def save(self, support: Support, fact: TierChanged, story: Accompaniment) -> None:
        """Store a locked person's new tier and the fact, and tell it in the accompaniment's story."""
        ...


class Appointments(Protocol):
    """Appointments to be made and changed."""

    async def accompaniment(self, accompaniment_id: UUID) -> Accompaniment | None:
        """Return an accompaniment whose person stays as they are until the transaction ends; None once erased."""
        ...

    async def add(self, appointment: Appointment, facts: Sequence[Fact]) -> None:
        """Store a new appointment and its events."""
        ...

    async def lock(self, appointment_id: UUID) -> Appointment | None:
        """Return an appointment that nobody else may change before the transaction ends."""
        ...

    async def save(self, appointment: Appointment, facts: Sequence[Fact]) -> None:
        """Store a locked appointment and its events; of a postponement, the date that no longer holds, and no more."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """An appointment and whose it is. Never printed: it says who somebody is.

    `described` is None once erased, and to whoever has no reason to know; the appointment has no place then.
    """

    appointment: Appointment
    described: Described | None
    within: bool = True
    """False to a council outside whose territory the person lives: it ends its part, and no more."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where an agenda was left: the last appointment that was returned; no date for one that has none."""

    starts_at: datetime | None
    appointment_id: UUID


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of an agenda. An open appointment without a date is in every part: it waits for one."""

    organisation_id: UUID
    is_council: bool
    since: datetime | None
    until: datetime | None
    accompaniment_id: UUID | None
    after: Position | None


class Agenda(Protocol):
    """Appointments to be read. Nothing here locks."""

    async def find(self, appointment_id: UUID) -> Entry | None: ...

    async def page(self, span: Span, limit: int) -> Sequence[Entry]:
        """Return at most `limit` appointments to which an organisation is a party: by date, those without one last."""
        ...

    async def past_dates(self, appointment_id: UUID) -> Sequence[datetime]:
        """Return the dates that were agreed and no longer hold."""
        ...

    async def erased_at(self, appointment_id: UUID) -> datetime | None:
        """Return since when an appointment is no more because its person was erased; None for any other."""
        ...


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation that takes part, with its public contact."""

    organisation_id: UUID
    code: str
    name: str
    phone: str | None
    postal_address: str | None


class Organisations(Protocol):
    """The organisations that take part, as last heard of."""

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        """Return those that have been heard of."""
        ...

    async def covered(self, council_id: UUID, communes: Collection[str]) -> frozenset[str]:
        """Return those of the communes that are in a council's territory: where it may learn who somebody is."""
        ...


class Links(Protocol):
    """Signed links, as text."""

    def write(self, link: Link) -> str: ...

    def read(self, token: str, purpose: Purpose) -> Link:
        """Return what was signed for that purpose, or raise LinkInvalid; whether its time is over is not looked at."""
        ...


class Audit(Protocol):
    """Who read personal data. Bound to the reader, to the purpose and to what is read; part of the transaction."""

    async def read(self, record_ids: Sequence[UUID]) -> None:
        """Record it. Last in the transaction: the audit is one chain, and everybody who reads waits for it."""
        ...
