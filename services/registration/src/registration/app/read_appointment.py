"""Read one appointment with the person's name: for its two organisations only, and audited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from registration.app.ports import Agenda, Audit, Entry, Organisation, Organisations
from registration.app.scope import as_known
from registration.domain.errors import NotFound, OutsideTerritory


async def read_appointment(
    appointment_id: UUID,
    organisation_id: UUID,
    *,
    agenda: Agenda,
    organisations: Organisations,
    audit: Audit,
    now: datetime,
) -> tuple[Entry, Mapping[UUID, Organisation]]:
    """Return it with its organiser, the reading being recorded. Raises NotFound for a third organisation.

    OutsideTerritory, a NotFound to be recorded, for a council in whose territory the person does not live, or no more.
    """
    entry = await agenda.find(appointment_id)
    if entry is None or entry.appointment.quality_of(organisation_id) is None:
        raise NotFound
    (entry,) = await as_known([entry], organisation_id, organisations=organisations, now=now)
    if not entry.within:
        raise OutsideTerritory
    organisers = await organisations.named([entry.appointment.organiser_id])
    if entry.described is not None:
        await audit.read([appointment_id])
    return entry, organisers
