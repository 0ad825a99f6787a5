"""List an organisation's appointments, with names: audited, in one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from registration.app.ports import Agenda, Audit, Entry, Organisation, Organisations, Position, Span


@dataclass(frozen=True, slots=True)
class Page:
    """Part of an agenda; `following` is where to read on, None at the end."""

    entries: tuple[Entry, ...]
    following: Position | None
    organisers: Mapping[UUID, Organisation]


async def list_appointments(
    span: Span, limit: int, *, agenda: Agenda, organisations: Organisations, audit: Audit
) -> Page:
    """Return a page by date, those without one last, each reading of a name being recorded."""
    entries = await agenda.page(span, limit + 1)
    shown = tuple(entries[:limit])
    organisers = await organisations.named({entry.appointment.organiser_id for entry in shown})
    named = [entry.appointment.appointment_id for entry in shown if entry.described is not None]
    if named:
        await audit.read(named)
    following = None
    if len(entries) > limit:
        last = shown[-1].appointment
        following = Position(last.starts_at, last.appointment_id)
    return Page(shown, following, organisers)
