"""What each of the two organisations may know of an appointment, and do with it.

A council reads, and goes on, within its territory only; an employment service reads while it has a reason to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from registration.app.ports import Entry, Organisations
from registration.domain.accompaniment import Accompaniment


async def is_within(accompaniment: Accompaniment, organisation_id: UUID, organisations: Organisations) -> bool:
    """Say whether the person lives where the organisation may go on with them: anywhere, unless it is the council."""
    return organisation_id != accompaniment.council_id or bool(
        await organisations.covered(organisation_id, [accompaniment.commune])
    )


async def as_known(
    entries: Sequence[Entry], organisation_id: UUID, *, organisations: Organisations, now: datetime
) -> tuple[Entry, ...]:
    """Return the entries as one of the two may read them, without name and place where it has no reason to know."""
    stories = [entry.appointment.accompaniment for entry in entries]
    communes = {story.commune for story in stories if story.council_id == organisation_id}
    covered = await organisations.covered(organisation_id, communes) if communes else frozenset[str]()
    return tuple(
        _as_known(
            entry,
            within=story.council_id != organisation_id or story.commune in covered,
            known=entry.appointment.is_known_to(organisation_id, now),
        )
        for entry, story in zip(entries, stories, strict=True)
    )


def _as_known(entry: Entry, *, within: bool, known: bool) -> Entry:
    if within and known:
        return entry
    return Entry(replace(entry.appointment, place=None), None, within)
