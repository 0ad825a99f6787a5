"""What this service answers: JSON objects built from referrals, with organisations and communes by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from referrals.adapters.geography import place_named
from referrals.app.list_referrals import Page
from referrals.app.ports import Claimed, Dossier, Joint, Line, Organisation, Step
from referrals.domain.person import Person
from referrals.domain.referral import Parties, Referral
from referrals.domain.status import Actor
from referrals.domain.story import DATED, StoryStep

MOVE = "move"
"""What either party may ask for while no answer was given, beside what leads to another status."""

Organisations = Mapping[UUID, Organisation]


def submitted(referral: Referral, council: Organisation) -> dict[str, Any]:
    """Return what the submitter is told: where it went. Also for a repeat, with the status of now."""
    place = place_named(referral.commune)
    return {
        "referral_id": str(referral.referral_id),
        "status": referral.status,
        "version": referral.version,
        "commune": {"code": place.code, "name": place.name},
        "council": organisation_card(council),
        "submitted_at": instant(referral.submitted_at),
    }


def summary(referral: Referral, organisations: Organisations) -> dict[str, Any]:
    """Return what both parties may see of a referral without reading who the person is."""
    place = place_named(referral.commune)
    return {
        "referral_id": str(referral.referral_id),
        "status": referral.status,
        "version": referral.version,
        "commune": {"code": place.code, "name": place.name},
        "themes": list(referral.themes),
        "submitted_at": instant(referral.submitted_at),
        "changed_at": instant(referral.changed_at),
        "council": party(organisations, referral.parties.receiver_id),
        "referrer": party(organisations, referral.parties.referrer_id),
    }


def page(found: Page, cursor: str | None) -> dict[str, Any]:
    """Return part of a list."""
    return {
        "items": [_line(line, found.parties) for line in found.lines],
        "cursor": cursor,
        "counts": dict(found.counts),
    }


def _line(line: Line, organisations: Organisations) -> dict[str, Any]:
    name = None if line.person is None else line.person.name
    return {**summary(line.referral, organisations), "person_name": name}


def dossier(found: Dossier, organisations: Organisations, sides: frozenset[Actor]) -> dict[str, Any]:
    """Return a referral in full, with what this reader may do now."""
    referral, told = found.referral, found.told
    return {
        **summary(referral, organisations),
        "person_name": None if told is None else told.person.name,
        "person": None if told is None else person_card(told.person),
        "note": None if told is None else told.note,
        "history": _history(found, organisations),
        "allowed": [*referral.allowed(sides), *((MOVE,) if sides and referral.is_open else ())],
        "accompaniment": None if found.joint is None else _joint(found.joint, organisations),
        "subject_ref": None if found.subject_ref is None else str(found.subject_ref),
    }


def claimed(found: Iterable[Claimed]) -> dict[str, Any]:
    """Return the answer to a claim check."""
    return {
        "items": [
            {
                "referral_id": str(one.referral_id),
                "version": one.version,
                "status": one.status,
                "person": None if one.person is None else person_card(one.person),
                "gone": one.gone,
                "sandbox": one.sandbox,
            }
            for one in found
        ]
    }


def _joint(joint: Joint, organisations: Organisations) -> dict[str, Any]:
    return {
        "accompaniment_id": str(joint.accompaniment_id),
        "status": joint.status,
        "employment_service": party(organisations, joint.employment_id),
    }


def _history(found: Dossier, organisations: Organisations) -> list[dict[str, Any]]:
    lines = [(step.at, _step(step, found.referral.parties, organisations)) for step in found.history]
    lines += [(step.at, story_step(step, organisations)) for step in found.story]
    # A stable sort: what happened at one instant stays in the order in which each part tells it.
    return [line for _, line in sorted(lines, key=lambda line: line[0])]


def story_step(step: StoryStep, organisations: Organisations) -> dict[str, Any]:
    """Return one step of the story; a date only where it says when to come."""
    organisation = None if step.organisation_id is None else organisations.get(step.organisation_id)
    starts_at = step.starts_at if step.step in DATED else None
    return {
        "at": instant(step.at),
        "status": step.step,
        "by": step.by,
        "organisation_name": None if organisation is None else organisation.name,
        "starts_at": None if starts_at is None else instant(starts_at),
    }


def person_card(person: Person) -> dict[str, Any]:
    """Return who somebody is, as typed."""
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "birth_date": person.birth_date.isoformat(),
        "phone": person.phone,
        "email": person.email,
        "address": person.address,
    }


def _step(step: Step, parties: Parties, organisations: Organisations) -> dict[str, Any]:
    who = {Actor.REFERRER.value: parties.referrer_id, Actor.RECEIVER.value: parties.receiver_id}.get(step.by)
    who = step.organisation_id or who
    organisation = None if who is None else organisations.get(who)
    decline = step.decline
    return {
        "at": instant(step.at),
        "status": step.status,
        "by": step.by,
        "organisation_name": None if organisation is None else organisation.name,
        "reasons": None if decline is None else list(decline.reasons),
        "declined_by": None if decline is None else decline.declined_by,
        "shareable_with_person": None if decline is None else decline.shareable_with_person,
    }


def party(organisations: Organisations, organisation_id: UUID) -> dict[str, Any]:
    """Return a party's public card."""
    # Its own topic promises no order with ours: a party whose name has not arrived yet is shown without it.
    return organisation_card(organisations.get(organisation_id) or Organisation(organisation_id, "", "", None, None))


def organisation_card(organisation: Organisation) -> dict[str, Any]:
    """Return an organisation with its public contact."""
    return {
        "organisation_id": str(organisation.organisation_id),
        "code": organisation.code,
        "name": organisation.name,
        "phone": organisation.phone,
        "postal_address": organisation.postal_address,
    }


def instant(at: datetime) -> str:
    """Write an instant in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
