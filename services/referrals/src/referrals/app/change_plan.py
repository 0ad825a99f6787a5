"""Replace the shared plan by what one of the two organisations wrote, unless somebody changed it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from referrals.app.accompaniment_ports import Accompaniments, Words, locked_within
from referrals.app.ports import Organisations
from referrals.domain.accompaniment_status import Command
from referrals.domain.plan import ActionAsked, GoalAsked


@dataclass(frozen=True, slots=True, repr=False)
class ChangePlan:
    """The whole plan, and the version that its writer had read. Never printed: it holds words about a person."""

    accompaniment_id: UUID
    organisation_id: UUID
    version: int
    goals: tuple[GoalAsked, ...]
    actions: tuple[ActionAsked, ...]


async def change_plan(
    asked: ChangePlan,
    *,
    accompaniments: Accompaniments,
    organisations: Organisations,
    words: Words,
    new_id: Callable[[], UUID],
    now: datetime,
) -> None:
    """Store the plan and its event; a plan that says the same changes nothing.

    Raises NotFound to a third organisation, OutsideTerritory, AccompanimentTransition while there is none to plan for,
    PlanChanged, InputRefused or PersonErased.
    """
    accompaniment, side = await locked_within(
        asked.accompaniment_id, asked.organisation_id, accompaniments, organisations
    )
    happened = accompaniment.act(Command.PLAN, side, now)
    plan = await words.plan(asked.accompaniment_id)
    changed = plan.replaced(asked.version, asked.goals, asked.actions, new_id=new_id)
    if changed is plan:
        return
    changed = changed.signed(side, now)
    await words.save_plan(asked.accompaniment_id, changed)
    await accompaniments.save(accompaniment, [happened], changed)
