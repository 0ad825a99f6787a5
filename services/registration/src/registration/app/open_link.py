"""What the person may do by their signed link: see the appointment, change it, see what was shared, and be erased.

The person reads what is theirs: it is not written to the audit, which would also tell when they looked, and so who
postponed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from registration.app.erase_person import erase_person
from registration.app.ports import Agenda, Appointments, Audit, Entry, Erasures, Links, Sharings
from registration.domain.appointment import Ask
from registration.domain.appointment_table import Actor
from registration.domain.errors import Erased, LinkExpired, LinkInvalid
from registration.domain.link import Link, Purpose
from registration.domain.sharing import Sharing


@dataclass(frozen=True, slots=True)
class Own:
    """A person's own appointment, and the dates of it that no longer hold."""

    entry: Entry
    past_dates: Sequence[datetime]


async def read_own_appointment(token: str, *, links: Links, agenda: Agenda, now: datetime) -> Own:
    """Return the appointment of a link. Raises LinkInvalid, LinkExpired, or Erased."""
    entry = await _entry_of(token, links, agenda, now)
    return Own(entry, await agenda.past_dates(entry.appointment.appointment_id))


async def change_own_appointment(
    token: str, ask: Ask, *, links: Links, appointments: Appointments, agenda: Agenda, now: datetime
) -> Own:
    """Do what the person asks and return the appointment as changed; raises also what the domain refuses."""
    link = _read(token, links, now)
    appointment = await appointments.lock(link.appointment_id)
    if appointment is None:
        raise await _why_missing(link, agenda)
    link.check(appointment, now)
    await appointments.save(appointment, appointment.decide(ask, Actor.PERSON, now))
    return await read_own_appointment(token, links=links, agenda=agenda, now=now)


async def read_own_sharing(
    token: str, *, links: Links, agenda: Agenda, sharings: Sharings, now: datetime
) -> Sequence[Sharing]:
    """Return what was shared about the person of a link. Raises LinkInvalid, LinkExpired, or Erased."""
    entry = await _entry_of(token, links, agenda, now)
    return await sharings.of(entry.appointment.accompaniment.subject_ref)


async def erase_oneself(
    token: str, *, links: Links, agenda: Agenda, erasures: Erasures, audit: Audit, now: datetime
) -> datetime:
    """Erase the person of a link; return since when they are, also when asked again. Raises as reading does."""
    link = _read(token, links, now)
    try:
        entry = await _entry_of(token, links, agenda, now)
        return await erase_person(entry.appointment.accompaniment.subject_ref, erasures=erasures, audit=audit, now=now)
    except Erased:
        since = await agenda.erased_at(link.appointment_id)
        if since is None:
            raise
        return since


async def _entry_of(token: str, links: Links, agenda: Agenda, now: datetime) -> Entry:
    link = _read(token, links, now)
    entry = await agenda.find(link.appointment_id)
    if entry is None or entry.described is None:
        raise await _why_missing(link, agenda)
    link.check(entry.appointment, now)
    return entry


async def _why_missing(link: Link, agenda: Agenda) -> Erased | LinkInvalid:
    return LinkInvalid() if await agenda.erased_at(link.appointment_id) is None else Erased()


def _read(token: str, links: Links, now: datetime) -> Link:
    link = links.read(token, Purpose.APPOINTMENT)
    if now >= link.expires_at:
        raise LinkExpired
    return link
