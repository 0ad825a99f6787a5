"""Send a draft once: however often the button is pressed, one referral exists.

The idempotency key shown on the page is sent along; while its outcome is unknown it never changes. Only a definite
refusal moves the draft to its next key.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

from portal.app.ports import Drafts, ReferralDesk
from portal.domain.draft import Draft, first_unfinished, submission
from portal.domain.errors import Refused, SendingInProgress
from portal.domain.member import Member

IN_PROGRESS_PAUSES_SECONDS = (0.2, 0.4, 0.8, 1.6)
"""How long a second click waits for the first one's outcome: three seconds in all, then the page says so."""


class Unfinished(Exception):
    """The draft still has something to mend, at `step`."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


async def send_draft(
    drafts: Drafts, desk: ReferralDesk, member: Member, draft_id: UUID, key: str, *, now: datetime
) -> UUID:
    """Return the id of the one referral this draft became."""
    draft = await drafts.read(draft_id, member.member_id, now=now)
    if draft.referral_id is not None:
        return draft.referral_id
    step = first_unfinished(draft, now.date())
    if step is not None:
        raise Unfinished(step)
    if key != str(draft.idempotency_key):
        # The page was drawn before an earlier attempt was refused: show the summary again rather than send blindly.
        raise Unfinished("")
    try:
        referral_id = await _submit(desk, member, draft)
    except Refused:
        await drafts.change(draft_id, member.member_id, Draft.refused, now=now)
        raise
    await drafts.change(draft_id, member.member_id, lambda kept: kept.sent(referral_id), now=now)
    return referral_id


async def _submit(desk: ReferralDesk, member: Member, draft: Draft) -> UUID:
    body = submission(draft)
    for pause in IN_PROGRESS_PAUSES_SECONDS:
        try:
            return await desk.submit(member, body, key=draft.idempotency_key)
        except SendingInProgress:
            await asyncio.sleep(pause)
    return await desk.submit(member, body, key=draft.idempotency_key)
