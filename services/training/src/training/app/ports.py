"""What the use cases need from outside. Every store is bound to the transaction of its caller."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from training.domain.accompaniment import Accompaniment
from training.domain.enrolment import Enrolment, EnrolmentChanged
from training.domain.plan import Seen
from training.domain.session import Session, SessionChanged


@dataclass(frozen=True, slots=True)
class Place:
    """A commune that exists today."""

    code: str
    name: str


class Places(Protocol):
    """The official geography."""

    def find(self, code: str) -> Place:
        """Return the commune; raises UnknownCommune or CommuneMerged."""
        ...


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation that takes part."""

    organisation_id: UUID
    code: str
    name: str


class Organisations(Protocol):
    """The organisations that take part, as last heard of."""

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        """Return those that have been heard of."""
        ...

    async def covered(self, council_id: UUID, communes: Collection[str]) -> frozenset[str]:
        """Return those of the communes that are in a council's territory: where it reads, and goes on."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """An enrolment with what has just happened to it, in order."""

    enrolment: Enrolment
    facts: tuple[EnrolmentChanged, ...]


class Book(Protocol):
    """Sessions and enrolments to be changed: whoever changes an enrolment has locked its session."""

    async def add_session(self, session: Session, fact: SessionChanged) -> None:
        """Store a new session and its event."""
        ...

    async def lock_session(self, session_id: UUID, *, referrer_id: UUID | None = None) -> Session | None:
        """Return a session that nobody else may change, nor the enrolments in it, before the transaction ends.

        With a referrer, only if its provider is of the same world: the sandbox and the real one share no seat.
        """
        ...

    async def save_session(self, session: Session, fact: SessionChanged) -> None:
        """Store a locked session's new status and its event; what is saved next in this transaction follows from it."""
        ...

    async def lock(self, enrolment_id: UUID) -> tuple[Enrolment, Session | None] | None:
        """Return an enrolment and its session, both locked; no session where the id asked for named none."""
        ...

    async def find(self, accompaniment_id: UUID, action_id: UUID, session_id: UUID) -> Enrolment | None:
        """Return what was asked for this action and session already, whatever became of it."""
        ...

    async def enrolled_through(self, subject_ref: UUID, session_id: UUID) -> Collection[UUID]:
        """Return the accompaniments by which the person has, or waits for, a seat in this session."""
        ...

    async def next_in_line(self, list_id: UUID) -> Enrolment | None:
        """Return, locked, whoever has waited longest on a list."""
        ...

    async def waiting_on(self, list_id: UUID) -> Sequence[Enrolment]:
        """Return, locked, everybody on a list, in its order."""
        ...

    async def length(self, list_id: UUID) -> int:
        """Return how many wait on a list at this moment."""
        ...

    async def open_in(self, session_id: UUID) -> Sequence[Enrolment]:
        """Return, locked, everybody who has a seat, the earliest request first, then who waits, in order."""
        ...

    async def seen(self, accompaniment_ids: Collection[UUID]) -> Sequence[Seen]:
        """Return every enrolment of these accompaniments. Nothing is locked."""
        ...

    async def mark_planned(self, enrolment_ids: Collection[UUID]) -> None:
        """Note that the plan names them."""
        ...

    async def save(self, session: Session | None, changes: Sequence[Change]) -> None:
        """Store enrolments with their steps, events and offers' terms, and the seats of their locked session."""
        ...


class Accompaniments(Protocol):
    """Joint accompaniments, as last heard of from `referrals`."""

    async def hear(self, accompaniment: Accompaniment, version: int) -> Accompaniment | None:
        """Keep what an event says, locked, and return it; None where a later event was heard.

        Of a person who was erased the reference is not kept.
        """
        ...

    async def known(self, accompaniment_id: UUID) -> Accompaniment | None:
        """Return one that will not change, nor be erased, before the transaction ends."""
        ...

    async def of_person(self, subject_ref: UUID) -> Sequence[UUID]:
        """Return, locked, those of a person; no other is heard of before the transaction ends."""
        ...

    async def forget(self, subject_ref: UUID) -> None:
        """Erase the reference, here and in whatever is heard later."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an enrolment's history."""

    at: datetime
    status: str
    by: str
    session_id: UUID
    rank: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """An enrolment to be read. `session` is None where the id asked for names none."""

    enrolment: Enrolment
    session: Session | None
    rank: int | None
    history: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list was left: the last line that was returned."""

    at: datetime
    id: UUID


class Dossiers(Protocol):
    """Sessions and enrolments to be read. Nothing here locks."""

    async def session(self, session_id: UUID) -> Session | None: ...

    async def upcoming(
        self,
        now: datetime,
        *,
        theme: str | None,
        commune: str | None,
        sandbox: bool,
        after: Position | None,
        limit: int,
    ) -> Sequence[Session]:
        """Return open sessions of one world that have not begun, the soonest first."""
        ...

    async def enrolment(self, enrolment_id: UUID) -> Dossier | None:
        """Return an enrolment with its history."""
        ...

    async def communes(
        self, council_id: UUID, *, session_id: UUID | None, accompaniment_id: UUID | None
    ) -> frozenset[str]:
        """Return where those live whom a council accompanies, of a session or an accompaniment."""
        ...

    async def enrolments(
        self,
        organisation_id: UUID,
        *,
        session_id: UUID | None,
        accompaniment_id: UUID | None,
        covered: Collection[str],
        after: Position | None,
        limit: int,
    ) -> Sequence[Dossier]:
        """Return those that concern an organisation, the earliest request first, without history.

        A council's are those whose commune is among `covered`.
        """
        ...
