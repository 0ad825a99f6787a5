"""What the use cases of joint accompaniments need from outside. Every store is bound to the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from referrals.app.ports import Organisations, Position
from referrals.domain.accompaniment import Accompaniment, Happened
from referrals.domain.accompaniment_status import Side, Status
from referrals.domain.errors import NotFound, OutsideTerritory
from referrals.domain.person import Person
from referrals.domain.plan import Plan
from referrals.domain.story import StoryStep


@dataclass(frozen=True, slots=True, repr=False)
class Note:
    """What one side noted for itself. Never printed."""

    text: str
    changed_at: datetime


class Accompaniments(Protocol):
    """Joint accompaniments to be changed."""

    async def subject_of(self, referral_id: UUID) -> UUID:
        """Return who the person of a referral is to registration, and keep an erasure out until the transaction ends.

        Raises PersonErased or PersonNotIdentified.
        """
        ...

    async def has_open(self, referral_id: UUID) -> bool: ...

    async def add(self, accompaniment: Accompaniment, happened: Happened) -> None:
        """Store a new accompaniment, its key, its first step, its first term and its event."""
        ...

    async def lock(self, accompaniment_id: UUID) -> Accompaniment | None:
        """Return an accompaniment that nobody else may change before the transaction ends."""
        ...

    async def save(self, accompaniment: Accompaniment, happened: Sequence[Happened], plan: Plan | None = None) -> None:
        """Store a locked accompaniment as it is now, its steps, terms and events; `plan` is told where it changed."""
        ...


class Words(Protocol):
    """What is said in words about a locked accompaniment. Everything here raises PersonErased once it was erased."""

    async def plan(self, accompaniment_id: UUID) -> Plan: ...

    async def save_plan(self, accompaniment_id: UUID, plan: Plan) -> None: ...

    async def write_note(self, accompaniment_id: UUID, side: Side, text: str | None, at: datetime) -> None:
        """Store one side's note in place of the one before, or remove it."""
        ...


@dataclass(frozen=True, slots=True)
class JointDossier:
    """An accompaniment as one of its sides sees it. `person` is None once erased, or without a reason to know."""

    accompaniment: Accompaniment
    side: Side
    person: Person | None
    plan: Plan
    note: Note | None
    """This side's own."""
    story: tuple[StoryStep, ...]
    erased: bool


@dataclass(frozen=True, slots=True)
class JointLine:
    """One accompaniment of a list."""

    accompaniment: Accompaniment
    person: Person | None


class JointDossiers(Protocol):
    """Joint accompaniments to be read. Nothing here locks."""

    async def find(self, accompaniment_id: UUID, organisation_id: UUID) -> JointDossier | None:
        """Return the accompaniment to one of its two organisations; None to a third, of which nothing is read."""
        ...

    async def page(
        self, organisation_id: UUID, side: Side, *, status: Status | None, after: Position | None, limit: int
    ) -> Sequence[JointLine]:
        """Return at most `limit` accompaniments of one side, the newest first."""
        ...


async def locked_for(
    accompaniment_id: UUID, organisation_id: UUID, accompaniments: Accompaniments
) -> tuple[Accompaniment, Side]:
    """Return a locked accompaniment and the organisation's side. Raises NotFound to a third organisation."""
    accompaniment = await accompaniments.lock(accompaniment_id)
    side = None if accompaniment is None else accompaniment.side_of(organisation_id)
    # Somebody else's accompaniment and one that does not exist must look the same.
    if accompaniment is None or side is None:
        raise NotFound
    return accompaniment, side


async def locked_within(
    accompaniment_id: UUID, organisation_id: UUID, accompaniments: Accompaniments, organisations: Organisations
) -> tuple[Accompaniment, Side]:
    """Return what `locked_for` does, to a council only while the person lives in its territory.

    Raises OutsideTerritory, a NotFound to be recorded: who may not read does not go on together either.
    """
    accompaniment, side = await locked_for(accompaniment_id, organisation_id, accompaniments)
    if side is Side.COUNCIL and not await organisations.covered(organisation_id, [accompaniment.commune]):
        raise OutsideTerritory
    return accompaniment, side


def known_to(accompaniment: Accompaniment, side: Side, person: Person | None) -> Person | None:
    """Return who the person is to one side: nobody, to an employment service once it is refused or ended."""
    if side is Side.EMPLOYMENT_SERVICE and accompaniment.status in (Status.REFUSED, Status.ENDED):
        return None
    return person
