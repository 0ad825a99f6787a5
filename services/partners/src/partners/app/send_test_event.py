"""Put a synthetic event in one organisation's stream, where it has the next position like any other.

It enters no projection: no other organisation, and no table of referrals or persons, ever hears of its ids.
"""

from __future__ import annotations

from datetime import datetime

from partners.app.joining_ports import JoinRequests, TestEvents
from partners.app.ports import StreamRow, Streams
from partners.domain.errors import LinkUnknown, NotApproved


async def send_test_event(
    requests: JoinRequests, streams: Streams, events: TestEvents, link: str, at: datetime
) -> StreamRow:
    """Return the row as it stands in the stream. Raises LinkUnknown, NotApproved, LinkExpired, TooManyTestEvents."""
    request = await requests.lock_by_link(link)
    if request is None:
        raise LinkUnknown
    if request.organisation_id is None:
        raise NotApproved
    await streams.enter_gate(alone=False)
    stream = await streams.lock(request.organisation_id)
    row = events.synthetic(stream, stream.last_position + 1, correlation_id=request.correlation_id, at=at)
    await requests.save(request.test(row.event_id, at))
    await streams.append([row], at)
    return row
