"""What this service answers: JSON objects of sessions and enrolments, with organisations and communes by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from training.adapters.geography import place_named
from training.app.list_sessions import SessionPage
from training.app.ports import Dossier, Organisation, Step
from training.app.read_enrolments import EnrolmentPage, quality
from training.domain.session import Session
from training.domain.status import Actor

Organisations = Mapping[UUID, Organisation]


def session(found: Session, organisations: Organisations, by: frozenset[Actor], now: datetime) -> dict[str, Any]:
    """Return a session, with its seats as they are and what this reader may do."""
    programme, place = found.programme, place_named(found.programme.commune)
    return {
        "session_id": str(found.session_id),
        "status": found.status,
        "version": found.version,
        "title": programme.title,
        "theme": programme.theme,
        "commune": {"code": place.code, "name": place.name},
        "seats": programme.seats,
        "free": found.free(now),
        "waiting": found.waiting,
        "hours": programme.hours,
        "starts_at": instant(programme.starts_at),
        "place": programme.place,
        "organisation": _organisation(organisations, found.organisation_id),
        "allowed": list(found.allowed(by, now)),
    }


def session_page(found: SessionPage, organisation_id: UUID | None, cursor: str | None, now: datetime) -> dict[str, Any]:
    """Return part of the list of sessions; `organisation_id` is who may act on its own, if anybody."""
    items = [
        session(one, found.providers, _quality(one, organisation_id), now)
        for one in found.sessions
    ]  # fmt: skip
    return {"items": items, "cursor": cursor}


def enrolment(
    found: Dossier, organisations: Organisations, by: frozenset[Actor], now: datetime, *, with_history: bool = True
) -> dict[str, Any]:
    """Return an enrolment, with what this reader may do now. Nothing in it says who the person is."""
    one, accompaniment = found.enrolment, found.enrolment.accompaniment
    history = {"history": [_step(step, found, organisations) for step in found.history]} if with_history else {}
    return {
        "enrolment_id": str(one.enrolment_id),
        "status": one.status,
        "version": one.version,
        "session": _session_asked(found, organisations),
        "accompaniment_id": str(accompaniment.accompaniment_id),
        "action_id": str(one.action_id),
        "referral_id": str(accompaniment.referral_id),
        "rank": found.rank,
        "offer_expires_at": None if one.offer_expires_at is None else instant(one.offer_expires_at),
        "requested_at": instant(one.requested_at),
        "changed_at": instant(one.changed_at),
        "allowed": list(one.allowed(found.session, by, now)),
        **history,
    }


def enrolment_page(found: EnrolmentPage, organisation_id: UUID, cursor: str | None, now: datetime) -> dict[str, Any]:
    """Return part of a list of enrolments."""
    items = [
        enrolment(one, found.concerned, quality(one, organisation_id), now, with_history=False)
        for one in found.dossiers
    ]  # fmt: skip
    return {"items": items, "cursor": cursor}


def unread(enrolment_id: UUID) -> dict[str, Any]:
    """Return what a council is told of an enrolment that it has given up outside its territory."""
    return {"enrolment_id": str(enrolment_id)}


def instant(at: datetime) -> str:
    """Write an instant as callers read it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _quality(found: Session, organisation_id: UUID | None) -> frozenset[Actor]:
    return frozenset() if organisation_id is None else found.quality_of(organisation_id)


def _session_asked(found: Dossier, organisations: Organisations) -> dict[str, Any] | None:
    if found.session is None:
        return None
    programme, place = found.session.programme, place_named(found.session.programme.commune)
    return {
        "session_id": str(found.session.session_id),
        "status": found.session.status,
        "title": programme.title,
        "theme": programme.theme,
        "commune": {"code": place.code, "name": place.name},
        "hours": programme.hours,
        "starts_at": instant(programme.starts_at),
        "place": programme.place,
        "organisation": _organisation(organisations, found.session.organisation_id),
    }


def _step(step: Step, found: Dossier, organisations: Organisations) -> dict[str, Any]:
    accompaniment, session = found.enrolment.accompaniment, found.session
    who = {
        Actor.COUNCIL.value: accompaniment.council_id,
        Actor.EMPLOYMENT_SERVICE.value: accompaniment.employment_id,
        Actor.PROVIDER.value: None if session is None else session.organisation_id,
    }.get(step.by)
    organisation = None if who is None else organisations.get(who)
    return {
        "at": instant(step.at),
        "status": step.status,
        "by": step.by,
        "organisation_name": None if organisation is None else organisation.name,
        "session_id": str(step.session_id),
        "rank": step.rank,
        "reason": step.reason,
    }


def _organisation(organisations: Organisations, organisation_id: UUID) -> dict[str, Any]:
    # Its own topic promises no order with ours: one whose name has not arrived yet is shown without it.
    found = organisations.get(organisation_id) or Organisation(organisation_id, "", "")
    return {"organisation_id": str(organisation_id), "code": found.code, "name": found.name}
