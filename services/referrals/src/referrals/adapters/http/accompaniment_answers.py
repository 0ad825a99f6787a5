"""What this service answers about joint accompaniments, each time to one of the two sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from referrals.adapters.accompaniments import BY
from referrals.adapters.geography import place_named
from referrals.adapters.http.answers import (
    Organisations,
    instant,
    organisation_card,
    party,
    person_card,
)
from referrals.app.accompaniment_ports import JointDossier, Note
from referrals.app.list_accompaniments import JointPage
from referrals.app.ports import Organisation
from referrals.domain.accompaniment import Accompaniment
from referrals.domain.accompaniment_status import Command, Side
from referrals.domain.person import Person
from referrals.domain.plan import Action, ActionKind, Plan
from referrals.domain.story import Appointment, Enrolment, StoryStep, appointments_of, enrolment_for, enrolments_of

WRITING = (Command.PLAN, Command.NOTE)
"""What is no longer possible once the person's data are erased."""

STATUS_AT: Mapping[str, str] = {
    "accompaniment_proposed": "proposed",
    "accompaniment_accepted": "accepted_by_one",
    "accompaniment_active": "active",
    "accompaniment_review_due": "review_due",
    "accompaniment_reviewed": "reviewed",
    "accompaniment_refused": "refused",
    "accompaniment_ended": "ended",
}
"""The accompaniment's own history: the status that each step led to; `reviewed` is `active` again."""

SIDE_OF = {name: side for side, name in BY.items()}


def employment_services(found: Iterable[Organisation]) -> dict[str, Any]:
    """Return who could be asked."""
    return {"items": [organisation_card(one) for one in found]}


def page(found: JointPage, side: Side, cursor: str | None) -> dict[str, Any]:
    """Return part of a side's list."""
    items = [_summary(line.accompaniment, side, line.person, found.parties) for line in found.lines]
    return {"items": items, "cursor": cursor}


def document(found: JointDossier, organisations: Organisations) -> dict[str, Any]:
    """Return an accompaniment in full, as one side sees it: the shared plan, and its own note only."""
    accompaniment, person = found.accompaniment, found.person
    story = [step for step in found.story if step.accompaniment_id == accompaniment.accompaniment_id]
    allowed = accompaniment.allowed(found.side)
    return {
        **_summary(accompaniment, found.side, person, organisations),
        "person": None if person is None else person_card(person),
        "subject_ref": str(accompaniment.subject_ref),
        "accepted_by": [str(accompaniment.organisation_on(side)) for side in sorted(accompaniment.accepted_by)],
        "allowed": [command for command in allowed if not (found.erased and command in WRITING)],
        "side": found.side,
        "plan": _plan(found.plan, accompaniment, enrolments_of(story)),
        "note": note(found.note),
        "appointments": [_appointment(one) for one in appointments_of(story)],
        "history": [_step(step, organisations) for step in story if step.step in STATUS_AT],
    }


def note(found: Note | None) -> dict[str, Any] | None:
    """Return the reader's own note."""
    return None if found is None else {"text": found.text, "changed_at": instant(found.changed_at)}


def _step(step: StoryStep, organisations: Organisations) -> dict[str, Any]:
    organisation = None if step.organisation_id is None else organisations.get(step.organisation_id)
    return {
        "at": instant(step.at),
        "status": STATUS_AT[step.step],
        "by": SIDE_OF.get(step.by, step.by),
        "organisation_name": None if organisation is None else organisation.name,
    }


def _summary(
    accompaniment: Accompaniment, side: Side, person: Person | None, organisations: Organisations
) -> dict[str, Any]:
    place = place_named(accompaniment.commune)
    awaited = {Command.ACCEPTANCE, Command.REVIEW} & set(accompaniment.allowed(side))
    return {
        "accompaniment_id": str(accompaniment.accompaniment_id),
        "referral_id": str(accompaniment.referral_id),
        "status": accompaniment.status,
        "version": accompaniment.version,
        "commune": {"code": place.code, "name": place.name},
        "council": party(organisations, accompaniment.parties.receiver_id),
        "employment_service": party(organisations, accompaniment.employment_id),
        "person_name": None if person is None else person.name,
        "proposed_at": instant(accompaniment.proposed_at),
        "changed_at": instant(accompaniment.changed_at),
        "waiting_for_me": bool(awaited),
    }


def _plan(plan: Plan, accompaniment: Accompaniment, enrolments: Sequence[Enrolment]) -> dict[str, Any]:
    by = None if plan.changed_by is None else accompaniment.organisation_on(plan.changed_by)
    return {
        "version": plan.version,
        "goals": [{"goal_id": str(goal.goal_id), "text": goal.text} for goal in plan.goals],
        "actions": [_action(action, enrolments) for action in plan.actions],
        "changed_at": None if plan.changed_at is None else instant(plan.changed_at),
        "changed_by": None if by is None else str(by),
    }


def _action(action: Action, enrolments: Sequence[Enrolment]) -> dict[str, Any]:
    enrolment = None
    if action.kind is ActionKind.TRAINING:
        enrolment = enrolment_for(action.action_id, action.session_id, enrolments)
    return {
        "action_id": str(action.action_id),
        "kind": action.kind,
        "theme": action.theme,
        "text": action.text,
        "assigned_to": action.assigned_to,
        "due_on": None if action.due_on is None else action.due_on.isoformat(),
        "state": action.state,
        "session_id": None if action.session_id is None else str(action.session_id),
        "enrolment": None if enrolment is None else _enrolment(enrolment),
    }


def _enrolment(enrolment: Enrolment) -> dict[str, Any]:
    return {
        "enrolment_id": str(enrolment.enrolment_id),
        "status": enrolment.status,
        "starts_at": None if enrolment.starts_at is None else instant(enrolment.starts_at),
        "rank": enrolment.rank,
    }


def _appointment(appointment: Appointment) -> dict[str, Any]:
    return {
        "appointment_id": str(appointment.appointment_id),
        "status": appointment.status,
        "starts_at": None if appointment.starts_at is None else instant(appointment.starts_at),
        "modality": appointment.modality,
    }
