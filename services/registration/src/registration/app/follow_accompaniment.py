"""Follow where a joint accompaniment stands: the person's tier follows from it."""

from __future__ import annotations

from datetime import datetime

from registration.app.ports import Sharings, Supports
from registration.domain.accompaniment import Accompaniment
from registration.domain.sharing import Shared, Sharing


async def follow_accompaniment(
    told: Accompaniment, *, told_at: datetime, supports: Supports, sharings: Sharings, now: datetime
) -> bool:
    """Return whether this was news; an older standing than the one known, or an erased person, changes nothing.

    Raises NotFound for a reference that nobody has: it did not come from us.
    """
    support = await supports.lock(told.subject_ref)
    if support is None or not await supports.keep(told):
        return False
    fact = support.follow(told.accompaniment_id, told.referral_id, now, joint=told.is_joint)
    if fact is not None:
        await supports.save(support, fact, told)
    if told.employment_id is not None:
        # From the proposal on, the employment service may read who it is, whatever it answers. Noted once for each
        # accompaniment, when it is first heard of: nothing later shares anything new.
        await sharings.note(
            Sharing(
                what=Shared.ACCOMPANIMENT,
                source_id=told.accompaniment_id,
                subject_ref=told.subject_ref,
                at=told_at,
                from_ids=(told.council_id,),
                to_id=told.employment_id,
            )
        )
    return True
