"""Read one appointment with the person's name: for its two organisations only, and audited."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from registration.app.ports import Agenda, Audit, Entry, Organisation, Organisations
from registration.domain.errors import NotFound


async def read_appointment(
    appointment_id: UUID, organisation_id: UUID, *, agenda: Agenda, organisations: Organisations, audit: Audit
) -> tuple[Entry, Mapping[UUID, Organisation]]:
    """Return it with its organiser, the reading being recorded. Raises NotFound for a third organisation."""
    entry = await agenda.find(appointment_id)
    if entry is None or entry.appointment.quality_of(organisation_id) is None:
        raise NotFound
    organisers = await organisations.named([entry.appointment.organiser_id])
    if entry.described is not None:
        await audit.read([appointment_id])
    return entry, organisers
