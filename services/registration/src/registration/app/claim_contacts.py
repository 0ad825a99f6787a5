"""Tell a service how to reach some persons, with links to their appointments; calls nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registration.app.ports import Audit, Files, Known, Links
from registration.domain.appointment import Appointment
from registration.domain.link import link_to


@dataclass(frozen=True, slots=True)
class Contacted:
    """A person, and those of the appointments asked for that are theirs, each with a link that opens it, if any."""

    known: Known
    appointments: Sequence[tuple[Appointment, str | None]]


async def claim_contacts(
    subject_refs: Sequence[UUID],
    appointment_ids: Sequence[UUID],
    *,
    files: Files,
    links: Links,
    audit: Audit,
    now: datetime,
) -> Sequence[Contacted]:
    """Return those persons that exist, each reading of one recorded in the same transaction."""
    known = await files.contacts(subject_refs)
    present = [one.registration.subject_ref for one in known if one.described is not None]
    appointments = await files.appointments(present, appointment_ids) if appointment_ids else []
    if present:
        await audit.read(present)

    def of(one: Known) -> list[tuple[Appointment, str | None]]:
        theirs = [a for a in appointments if a.accompaniment.subject_ref == one.registration.subject_ref]
        made = [(appointment, link_to(appointment, now)) for appointment in theirs]
        return [(appointment, None if link is None else links.write(link)) for appointment, link in made]

    return [Contacted(one, of(one)) for one in known]
