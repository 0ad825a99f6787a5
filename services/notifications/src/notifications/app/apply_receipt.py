"""Apply what a carrier says of a notice that it took. A repeat, or a receipt of a channel given up, changes nothing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from notifications.app.ports import Notices, Receipt
from notifications.domain.errors import NotFound
from notifications.domain.states import Actor, State


async def apply_receipt(notice_id: UUID, channel: str, receipt: Receipt, *, notices: Notices, now: datetime) -> None:
    """Keep the receipt, and move the notice if it waits for one; raises NotFound.

    One that comes before the sending is recorded is kept only: recording it looks for it.
    """
    requested = await notices.lock(notice_id)
    if requested is None:
        raise NotFound
    notice = requested.notice
    if not await notices.keep_receipt(notice_id, channel, receipt):
        return
    if notice.state is State.SENT and notice.channel == channel:
        told = notice.deliver(Actor.CARRIER, now) if receipt.delivered else notice.bounce(Actor.CARRIER, now)
        await notices.save(notice, told)
