"""List an organisation's appointments, with names: audited, in one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registration.app.ports import Agenda, Audit, Entry, Organisation, Organisations, Position, Span
from registration.app.scope import as_known


@dataclass(frozen=True, slots=True)
class Page:
    """Part of an agenda; `following` is where to read on, None at the end."""

    entries: tuple[Entry, ...]
    following: Position | None
    organisers: Mapping[UUID, Organisation]


async def list_appointments(
    span: Span, limit: int, *, agenda: Agenda, organisations: Organisations, audit: Audit, now: datetime
) -> Page:
    """Return a page by date, those without one last, each reading of a name being recorded.

    Nobody is named to whoever has no reason to know them: see `scope`.
    """
    entries = await agenda.page(span, limit + 1)
    shown = await as_known(entries[:limit], span.organisation_id, organisations=organisations, now=now)
    organisers = await organisations.named({entry.appointment.organiser_id for entry in shown})
    named = [entry.appointment.appointment_id for entry in shown if entry.described is not None]
    if named:
        await audit.read(named)
    following = None
    if len(entries) > limit:
        last = shown[-1].appointment
        following = Position(last.starts_at, last.appointment_id)
    return Page(shown, following, organisers)
