"""Open a session for one of the demonstration's members."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from portal.app.ports import Directory, Sessions
from portal.domain.errors import NotFound
from portal.domain.member import Member

SESSION_HOURS = 10
"""A working day: nobody signs in again in the middle of one, nobody stays signed in overnight."""


async def sign_in(directory: Directory, sessions: Sessions, member_id: UUID, *, now: datetime) -> tuple[Member, str]:
    """Return the member and the new session's token; raises NotFound when nobody has that id."""
    for member in await directory.members():
        if member.member_id == member_id:
            token = await sessions.open(member, now=now, expires_at=now + timedelta(hours=SESSION_HOURS))
            return member, token
    raise NotFound
