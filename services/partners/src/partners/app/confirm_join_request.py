"""Take the link that was mailed as the mailbox's answer; in the sandbox nothing more is asked of anybody."""

from __future__ import annotations

from datetime import datetime

from partners.app.answer_join_request import let_in
from partners.app.joining_ports import JoinDesk
from partners.domain.errors import JoinState, LinkUnknown
from partners.domain.join_request import JoinRequest, JoinRequestState, sandbox_code


async def confirm_join_request(desk: JoinDesk, link: str, at: datetime) -> JoinRequest:
    """Confirm once; the same link again changes nothing. Raises LinkUnknown or LinkExpired."""
    request = await desk.requests.lock_by_link(link)
    if request is None:
        raise LinkUnknown
    if request.state is JoinRequestState.REFUSED or request.state is JoinRequestState.EXPIRED:
        raise JoinState
    if request.state is not JoinRequestState.UNCONFIRMED:
        return request
    confirmed, fact = request.confirm(at)
    await desk.requests.save(confirmed)
    await desk.publisher.publish(fact)
    if confirmed.applicant.sandbox:
        confirmed, _ = await let_in(desk, confirmed, sandbox_code(), at)
    return confirmed
