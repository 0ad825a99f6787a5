"""Keep what one side notes for itself. The other side learns neither its words nor that it exists."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from referrals.app.accompaniment_ports import Accompaniments, Note, Words, locked_for


async def write_note(
    accompaniment_id: UUID,
    organisation_id: UUID,
    text: str | None,
    *,
    accompaniments: Accompaniments,
    words: Words,
    now: datetime,
) -> Note | None:
    """Return the note as kept, None where it was removed: no event, no version, no step of the history."""
    accompaniment, side = await locked_for(accompaniment_id, organisation_id, accompaniments)
    accompaniment.check_note(side)
    await words.write_note(accompaniment_id, side, text, now)
    return None if text is None else Note(text, now)
