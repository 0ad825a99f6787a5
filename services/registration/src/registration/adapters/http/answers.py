"""What this service answers: JSON objects built from persons and appointments, with organisations by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from registration.app.claim_contacts import Contacted
from registration.app.open_link import Own
from registration.app.ports import Entry, Organisation
from registration.domain.appointment import Appointment
from registration.domain.appointment_table import CLOSING, Actor, Command
from registration.domain.identity import Described
from registration.domain.registration import Registration
from registration.domain.sharing import Sharing
from registration.domain.support import TierChanged

Organisations = Mapping[UUID, Organisation]

LANGUAGE = "fr"
"""Nobody is asked for theirs yet."""

CAN = (Command.BOOKING, Command.POSTPONEMENT, Command.CANCELLATION)


def person(registration: Registration, described: Described) -> dict[str, Any]:
    """Return who a person is, for a service."""
    identity, contact = described.identity, described.contact
    return {
        "subject_ref": str(registration.subject_ref),
        "version": registration.version,
        "state": registration.state,
        "person": {
            "first_name": identity.first_name,
            "last_name": identity.last_name,
            "birth_date": identity.birth_date.isoformat(),
            "phone": contact.phone,
            "email": contact.email,
            "address": contact.address,
        },
    }


def erased(since: datetime) -> dict[str, Any]:
    """Return that somebody is erased: the same whenever it is asked."""
    return {"state": "erased", "erased_at": instant(since)}


def tiers(subject_ref: UUID, changes: Sequence[TierChanged]) -> dict[str, Any]:
    """Return a person's tier, and how it came about."""
    return {
        "subject_ref": str(subject_ref),
        "tier": changes[-1].tier if changes else None,
        "items": [
            {
                "tier": change.tier,
                "previous_tier": change.previous,
                "reason": change.reason,
                "accompaniment_id": str(change.accompaniment_id),
                "referral_id": str(change.referral_id),
                "changed_at": instant(change.at),
            }
            for change in changes
        ],
    }


def changed(found: Appointment, organisations: Organisations, reader: UUID, now: datetime) -> dict[str, Any]:
    """Return an appointment to whoever has acted on it: where it is only while they have a reason to know."""
    shown = appointment(found, organisations, found.quality_of(reader), now)
    return shown if found.is_known_to(reader, now) else {**shown, "place": None}


def appointment(found: Appointment, organisations: Organisations, by: Actor | None, now: datetime) -> dict[str, Any]:
    """Return an appointment without who the person is, with what this reader may do now."""
    organiser = _party(organisations, found.organiser_id)
    return {
        "appointment_id": str(found.appointment_id),
        "accompaniment_id": str(found.accompaniment.accompaniment_id),
        "referral_id": str(found.accompaniment.referral_id),
        "subject_ref": str(found.accompaniment.subject_ref),
        "status": found.state,
        "version": found.version,
        "starts_at": _instant_or_none(found.starts_at),
        "options": [instant(option) for option in found.options],
        "modality": found.modality,
        "duration_minutes": found.duration_minutes,
        "place": found.place,
        "organiser": {
            "organisation_id": str(organiser.organisation_id),
            "code": organiser.code,
            "name": organiser.name,
        },
        "allowed": [] if by is None else list(found.allowed(by, now)),
    }


def entry(found: Entry, organisations: Organisations, by: Actor | None, now: datetime) -> dict[str, Any]:
    """Return an appointment with the person's name, where the reader has a reason to know it."""
    described = found.described
    name = None if described is None else f"{described.identity.first_name} {described.identity.last_name}"
    shown = appointment(found.appointment, organisations, by, now)
    if not found.within:
        shown["allowed"] = [command for command in shown["allowed"] if command in CLOSING]
    return {**shown, "person_name": name}


def unread(appointment_id: UUID) -> dict[str, Any]:
    """Return what a council is told of an appointment that it has closed outside its territory."""
    return {"appointment_id": str(appointment_id)}


def own_appointment(own: Own, organisations: Organisations, now: datetime) -> dict[str, Any]:
    """Return what the person sees of their appointment: no id, no code, nothing about how often it moved but dates."""
    found, described = own.entry.appointment, own.entry.described
    organiser = _party(organisations, found.organiser_id)
    return {
        "first_name": None if described is None else described.identity.first_name,
        "status": found.state,
        "starts_at": _instant_or_none(found.starts_at),
        "options": [instant(option) for option in found.future_options(now)],
        "modality": found.modality,
        "duration_minutes": found.duration_minutes,
        "place": found.place,
        "organiser": {
            "name": organiser.name,
            "phone": organiser.phone,
            "postal_address": organiser.postal_address,
        },
        "can": [command for command in found.allowed(Actor.PERSON, now) if command in CAN],
        "history_dates": [instant(date) for date in own.past_dates],
    }


def own_sharing(sharings: Iterable[Sharing], organisations: Organisations) -> dict[str, Any]:
    """Return what was shared with whom; the two of an accompaniment share as one."""
    return {
        "items": [
            {
                "at": instant(one.at),
                "what": one.what,
                "from_name": ", ".join(filter(None, (_party(organisations, id_).name for id_ in one.from_ids))),
                "to_name": _party(organisations, one.to_id).name,
            }
            for one in sharings
        ]
    }


def contacts(found: Iterable[Contacted]) -> dict[str, Any]:
    """Return the answer to a claim check."""
    return {"items": [_contact(one) for one in found]}


def _contact(one: Contacted) -> dict[str, Any]:
    registration, described = one.known.registration, one.known.described
    return {
        "subject_ref": str(registration.subject_ref),
        "version": registration.version,
        "first_name": None if described is None else described.identity.first_name,
        "language": LANGUAGE,
        "phone": None if described is None else described.contact.phone,
        "email": None if described is None else described.contact.email,
        "gone": described is None,
        "opt_outs": [],
        "links": {str(found.appointment_id): token for found, token in one.appointments if token is not None},
        "appointments": {
            str(found.appointment_id): {
                "status": found.state,
                "version": found.version,
                "starts_at": _instant_or_none(found.starts_at),
                "place": found.place,
                "modality": found.modality,
            }
            for found, _ in one.appointments
        },
    }


def _party(organisations: Organisations, organisation_id: UUID) -> Organisation:
    # Its own topic promises no order with ours: a party whose name has not arrived yet is shown without it.
    return organisations.get(organisation_id) or Organisation(organisation_id, "", "", None, None)


def _instant_or_none(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def instant(at: datetime) -> str:
    """Return a moment as every answer writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
