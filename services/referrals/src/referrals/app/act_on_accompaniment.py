"""Do what one of the two organisations asks of an accompaniment: accept, refuse, end its part, say it was reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from referrals.app.accompaniment_ports import Accompaniments, locked_for
from referrals.domain.accompaniment_status import Command, EndReason


@dataclass(frozen=True, slots=True)
class ActOnAccompaniment:
    """Who asks what of which accompaniment."""

    accompaniment_id: UUID
    organisation_id: UUID
    command: Command
    reason: EndReason | None = None


async def act_on_accompaniment(asked: ActOnAccompaniment, *, accompaniments: Accompaniments, now: datetime) -> None:
    """Change the accompaniment. Raises NotFound to a third organisation, AccompanimentTransition at the wrong time."""
    accompaniment, side = await locked_for(asked.accompaniment_id, asked.organisation_id, accompaniments)
    happened = accompaniment.act(asked.command, side, now, asked.reason)
    await accompaniments.save(accompaniment, [happened])
