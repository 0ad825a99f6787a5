"""Change a shared plan without losing what was typed, or what the other organisation wrote meanwhile.

Everything typed is kept before anything is sent. A plan is saved only over the version its author has seen; a repeat of
a saving whose answer was lost finds its own words there and is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from portal.app.ports import AccompanimentDesk, PlanDrafts
from portal.domain.accompaniment import Accompaniment
from portal.domain.errors import Conflict
from portal.domain.member import Member
from portal.domain.plan import PlanDraft, body, faults, ready, start
from portal.domain.plan_compare import says_the_same

STALE = "plan_changed"
"""The referrals service's word for a plan that somebody else changed first."""


Saving = Literal["saved", "unfinished", "stale"]
"""What became of a saving: `unfinished` has something to mend, `stale` met a plan that changed meanwhile."""


async def write_plan(
    drafts: PlanDrafts, member: Member, found: Accompaniment, edit: Callable[[PlanDraft], PlanDraft], *,
    seen: int, now: datetime,
) -> PlanDraft:  # fmt: skip
    """Keep one change of the form; the first starts from the plan, as of version `seen`: the one the page showed."""
    new = replace(start(found.plan), based_on=seen)
    return await drafts.change(found.line.accompaniment_id, member.member_id, edit, new=new, now=now)


async def save_plan(
    drafts: PlanDrafts, desk: AccompanimentDesk, member: Member, found: Accompaniment,
    edit: Callable[[PlanDraft], PlanDraft], *, seen: int, now: datetime,
) -> Saving:  # fmt: skip
    """Keep what was typed, then save it over version `seen`: the one the page showed."""
    draft = await write_plan(drafts, member, found, lambda kept: ready(edit(kept)), seen=seen, now=now)
    if draft.open or faults(draft):
        return "unfinished"
    accompaniment_id = found.line.accompaniment_id
    if found.plan.version != seen:
        return await _outcome(drafts, member, found, draft)
    try:
        await desk.save_plan(member, accompaniment_id, body(draft, seen, found.plan))
    except Conflict as conflict:
        if conflict.code != STALE:
            raise
        return await _outcome(drafts, member, await desk.read(member, accompaniment_id), draft)
    await drafts.discard(accompaniment_id, member.member_id)
    return "saved"


async def _outcome(drafts: PlanDrafts, member: Member, found: Accompaniment, draft: PlanDraft) -> Saving:
    if not says_the_same(draft, found.plan):
        return "stale"
    await drafts.discard(found.line.accompaniment_id, member.member_id)
    return "saved"
