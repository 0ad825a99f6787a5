"""Make a council's stream follow its territory: what enters is shown as it stands, what leaves is taken back.

Runs under the scope gate in edit mode and the stream's lock: no event is projected meanwhile, so every referral is
either in what is read here or in a later projection that sees the new scope. Nothing is lost, nothing leaks.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from partners.app.ports import Referrals, StreamEvents, Streams
from partners.domain.organisation import Kind, Organisation
from territory import communes_of


async def adjust_scope(
    streams: Streams,
    referrals: Referrals,
    events: StreamEvents,
    organisation: Organisation,
    *,
    cause: UUID,
    joining: bool,
    at: datetime,
) -> None:
    """Bring the scope of the organisation's stream to its territory; `cause` is the event that says why."""
    if organisation.kind is not Kind.COUNCIL:
        return
    stream = await streams.lock(organisation.organisation_id)
    wanted = communes_of(organisation.details.territory)
    added, removed = sorted(wanted - stream.communes), sorted(stream.communes - wanted)
    if not (added or removed):
        return
    leaving = await referrals.followed(stream, removed)
    entering = await referrals.unfollowed(stream, added)
    await streams.change_communes(stream, added=added, removed=removed)
    reason = "joined" if joining else "widened"
    position = stream.last_position
    rows = []
    for referral in leaving:
        position += 1
        rows.append(events.left_scope(referral, stream, position, cause=cause, reason="narrowed", at=at))
    for referral in entering:
        position += 1
        rows.append(events.snapshot(referral, stream, position, cause=cause, reason=reason, at=at))
    await streams.append(rows, at)
