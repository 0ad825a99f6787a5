"""List an organisation's referrals, with names: audited, in one batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from referrals.app.ports import Audit, Dossiers, Line, Organisation, Organisations, Position
from referrals.domain.referral import Referral, parties_of
from referrals.domain.status import Actor, Status


@dataclass(frozen=True, slots=True)
class ListReferrals:
    """Whose referrals, on which side of them, and which part of the list."""

    organisation_id: UUID
    side: Actor
    status: Status | None
    after: Position | None
    limit: int


@dataclass(frozen=True, slots=True)
class Page:
    """Part of the list; `following` is where to read on, None at the end."""

    lines: tuple[Line, ...]
    following: Position | None
    counts: Mapping[Status, int]
    parties: Mapping[UUID, Organisation]


async def list_referrals(
    asked: ListReferrals, *, dossiers: Dossiers, organisations: Organisations, audit: Audit
) -> Page:
    """Return a page, the newest first, and how many referrals there are of each status in all."""
    lines = await dossiers.page(
        asked.organisation_id, asked.side, status=asked.status, after=asked.after, limit=asked.limit + 1
    )
    counts = await dossiers.counts(asked.organisation_id, asked.side)
    shown = await _in_scope(asked, lines[: asked.limit], organisations)
    parties = await organisations.named(parties_of(line.referral for line in shown))
    named = [line.referral.referral_id for line in shown if line.person is not None]
    if named:
        await audit.read(named)
    following = None
    if len(lines) > asked.limit:
        last = shown[-1].referral
        following = Position(last.submitted_at, last.referral_id)
    return Page(shown, following, counts, parties)


async def _in_scope(asked: ListReferrals, lines: Sequence[Line], organisations: Organisations) -> tuple[Line, ...]:
    """Return the lines as one side may read them.

    Who was asked reads no name of somebody who does not live, or no more, in its territory, nor of whom a withdrawn
    referral was about.
    """
    if asked.side is not Actor.RECEIVER:
        return tuple(lines)
    communes = {line.referral.commune for line in lines}
    covered = await organisations.covered(asked.organisation_id, communes) if communes else frozenset()
    return tuple(line if _told(line.referral, covered) else replace(line, person=None) for line in lines)


def _told(referral: Referral, covered: Collection[str]) -> bool:
    return referral.commune in covered and referral.status is not Status.WITHDRAWN
