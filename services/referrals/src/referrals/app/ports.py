"""What the use cases need from outside. Every store is bound to the transaction of its caller."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from referrals.domain.decline import Decline
from referrals.domain.person import Person, Told
from referrals.domain.referral import Moved, Opened, Referral, StatusChanged
from referrals.domain.status import Actor, Status
from referrals.domain.story import StoryStep


@dataclass(frozen=True, slots=True)
class Place:
    """A commune that exists today."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation that takes part, with its public contact."""

    organisation_id: UUID
    code: str
    name: str
    phone: str | None
    postal_address: str | None
    simulated: str | None = None
    """How it behaves, where it is a simulator of the sandbox."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A collectivity with a département's powers, whether or not it takes part."""

    code: str
    name: str


class Places(Protocol):
    """The official geography."""

    def find(self, code: str) -> Place:
        """Return the commune; raises UnknownCommune or CommuneMerged."""
        ...

    def authority_over(self, code: str) -> Authority:
        """Return the collectivity with jurisdiction over a commune that exists."""
        ...


class Councils(Protocol):
    """The councils that take part, as last heard of."""

    async def council_for(self, collectivity: str, commune: str, *, sandbox: bool) -> Organisation | None:
        """Return the council of one world for a commune of this collectivity."""
        ...


class Organisations(Councils, Protocol):
    """The organisations that take part, as last heard of."""

    async def employment_services(self, collectivity: str, *, sandbox: bool) -> Sequence[Organisation]:
        """Return those of one world that answer for a collectivity, by code."""
        ...

    async def covered(self, council_id: UUID, communes: Collection[str]) -> frozenset[str]:
        """Return those of the communes that are in a council's territory as last heard of; none of one unheard of."""
        ...

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        """Return those that have been heard of."""
        ...


class NewReferrals(Protocol):
    """Where a referral that was submitted goes."""

    async def add(self, referral: Referral, told: Told, fact: StatusChanged) -> None:
        """Store a new referral, its first step, its terms and its event."""
        ...


class Referrals(NewReferrals, Protocol):
    """Referrals to be changed."""

    async def lock(self, referral_id: UUID) -> Referral | None:
        """Return a referral that nobody else may change before the transaction ends."""
        ...

    async def lock_unread(self, referral_id: UUID, receiver_id: UUID) -> Referral | None:
        """Return a referral as `lock` does if this organisation was asked and nobody there has opened it.

        Waits for nobody: None as well where somebody else holds it now.
        """
        ...

    async def save_opened(self, referral: Referral, fact: Opened) -> None:
        """Store a locked referral's first opening, its step and its event."""
        ...

    async def save(self, referral: Referral, fact: StatusChanged) -> None:
        """Store a locked referral's new status, its step and its event; stops its terms once it is closed.

        Withdrawn before registration said who the person is, what was typed goes: no erasure would ever find it.
        """
        ...


class MovingReferrals(Protocol):
    """Referrals whose person may live elsewhere."""

    async def lock(self, referral_id: UUID) -> Referral | None:
        """Return a referral that nobody else may change before the transaction ends."""
        ...

    async def check_person(self, referral_id: UUID) -> None:
        """Raise PersonErased once nothing says who the person is; until the transaction ends that stays so."""
        ...

    async def save_move(self, referral: Referral, fact: Moved) -> None:
        """Store where a locked referral's person lives and who is asked, its step, its terms and its event."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a referral's history, before what followed from it."""

    at: datetime
    status: str
    by: str
    decline: Decline | None = None
    organisation_id: UUID | None = None
    """Who did it, where that is not the party of today on this side."""


@dataclass(frozen=True, slots=True)
class Joint:
    """The joint accompaniment that followed from a referral: what the referral's parties are told of it."""

    accompaniment_id: UUID
    status: str
    employment_id: UUID


@dataclass(frozen=True, slots=True)
class Dossier:
    """A referral in full, and what followed. `told` is None once erased, or where this reader has no reason to know."""

    referral: Referral
    told: Told | None
    history: tuple[Step, ...]
    subject_ref: UUID | None
    joint: Joint | None = None
    """The latest, where one was proposed."""
    story: tuple[StoryStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list was left: the last record that was returned, and the instant it is sorted by."""

    at: datetime
    record_id: UUID


@dataclass(frozen=True, slots=True)
class Line:
    """One referral of a list."""

    referral: Referral
    person: Person | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a service is told of a referral it was told about by an event."""

    referral_id: UUID
    version: int
    status: Status
    person: Person | None
    """None where there is no reason to know, or nothing left to know."""
    gone: bool
    """What was typed has been erased."""
    sandbox: bool = False
    """Nobody in it is real: whoever reads this looks for nobody in the real world."""


class Dossiers(Protocol):
    """Referrals to be read. Nothing here locks."""

    async def find(self, referral_id: UUID) -> Dossier | None: ...

    async def page(
        self, organisation_id: UUID, side: Actor, *, status: Status | None, after: Position | None, limit: int
    ) -> Sequence[Line]:
        """Return at most `limit` referrals of one side, the newest first."""
        ...

    async def counts(self, organisation_id: UUID, side: Actor) -> Mapping[Status, int]: ...

    async def claim(self, referral_ids: Sequence[UUID]) -> Sequence[Claimed]: ...


class Audit(Protocol):
    """Who read personal data. Bound to the reader and to the purpose; part of the reading's transaction."""

    async def read(self, record_ids: Sequence[UUID]) -> None:
        """Record it. Last in the transaction: the audit is one chain, and everybody who reads waits for it."""
        ...

    async def refuse(self, record_ids: Sequence[UUID]) -> None:
        """Record that this was not read, because the person lives outside the reader's territory; last, as above."""
        ...
