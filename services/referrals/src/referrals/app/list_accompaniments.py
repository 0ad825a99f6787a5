"""List an organisation's joint accompaniments, with names: audited, in one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from referrals.app.accompaniment_ports import JointDossiers, JointLine, known_to
from referrals.app.ports import Audit, Organisation, Organisations, Position
from referrals.domain.accompaniment_status import Side, Status


@dataclass(frozen=True, slots=True)
class ListAccompaniments:
    """Whose accompaniments, on which side of them, and which part of the list."""

    organisation_id: UUID
    side: Side
    status: Status | None
    after: Position | None
    limit: int


@dataclass(frozen=True, slots=True)
class JointPage:
    """Part of the list; `following` is where to read on, None at the end."""

    lines: tuple[JointLine, ...]
    following: Position | None
    parties: Mapping[UUID, Organisation]


async def list_accompaniments(
    asked: ListAccompaniments, *, dossiers: JointDossiers, organisations: Organisations, audit: Audit
) -> JointPage:
    """Return a page, the newest first."""
    lines = await dossiers.page(
        asked.organisation_id, asked.side, status=asked.status, after=asked.after, limit=asked.limit + 1
    )
    communes = {line.accompaniment.commune for line in lines[: asked.limit]}
    covered = communes
    if asked.side is Side.COUNCIL and communes:
        # Of those who do not live, or no more, in the council's territory it is not told who they are.
        covered = set(await organisations.covered(asked.organisation_id, communes))
    shown = tuple(
        JointLine(
            line.accompaniment,
            known_to(line.accompaniment, asked.side, line.person) if line.accompaniment.commune in covered else None,
        )
        for line in lines[: asked.limit]
    )
    listed = [line.accompaniment for line in shown]
    parties = await organisations.named(
        {party for one in listed for party in (one.parties.receiver_id, one.employment_id)}
    )
    named = [line.accompaniment.accompaniment_id for line in shown if line.person is not None]
    if named:
        await audit.read(named)
    following = None
    if len(lines) > asked.limit:
        following = Position(listed[-1].proposed_at, listed[-1].accompaniment_id)
    return JointPage(shown, following, parties)
