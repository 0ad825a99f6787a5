"""Look at a request whose time has come: end it if it is open, and forget whose it was in any case."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from partners.app.joining_ports import JoinPublisher, JoinRequests


async def expire_join_request(
    requests: JoinRequests, publisher: JoinPublisher, join_request_id: UUID, at: datetime
) -> None:
    """Act only where the time is still over once the request is locked: a confirmation may just have moved it."""
    request = await requests.lock(join_request_id)
    if request is None or at < request.due_at:
        return
    ended = request.expire(at)
    if ended is not None:
        expired, fact = ended
        await requests.save(expired)
        await publisher.publish(fact)
    await requests.forget_contact(join_request_id)
