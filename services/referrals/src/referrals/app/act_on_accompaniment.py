"""Do what one of the two organisations asks of an accompaniment: accept, refuse, end its part, say it was reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from referrals.app.accompaniment_ports import Accompaniments, locked_for, locked_within
from referrals.app.ports import Organisations
from referrals.domain.accompaniment_status import Command, EndReason

PARTINGS = (Command.REFUSAL, Command.END)
"""Of these a council is capable although the person lives outside its territory, or no more within it."""


@dataclass(frozen=True, slots=True)
class ActOnAccompaniment:
    """Who asks what of which accompaniment."""

    accompaniment_id: UUID
    organisation_id: UUID
    command: Command
    reason: EndReason | None = None


async def act_on_accompaniment(
    asked: ActOnAccompaniment, *, accompaniments: Accompaniments, organisations: Organisations, now: datetime
) -> None:
    """Change the accompaniment.

    Raises NotFound to a third organisation, OutsideTerritory to a council that would go on with somebody who lives
    elsewhere, AccompanimentTransition at the wrong time.
    """
    whose = (asked.accompaniment_id, asked.organisation_id, accompaniments)
    parting = asked.command in PARTINGS
    accompaniment, side = await (locked_for(*whose) if parting else locked_within(*whose, organisations))
    happened = accompaniment.act(asked.command, side, now, asked.reason)
    await accompaniments.save(accompaniment, [happened])
