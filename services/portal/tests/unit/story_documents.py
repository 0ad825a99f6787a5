"""What the services answer about a story after its acceptance, as the portal is told."""

from __future__ import annotations

from uuid import UUID

ACCOMPANIMENT_ID = UUID(int=11)
APPOINTMENT_ID = UUID(int=12)
COUNCIL = {
    "organisation_id": str(UUID(int=21)), "code": "cd93", "name": "Conseil de l’Exemple", "phone": "+33199001234",
    "postal_address": "1 rue de l’Exemple\n00000 Exempleville",
}  # fmt: skip
SERVICE = {**COUNCIL, "organisation_id": str(UUID(int=22)), "code": "ft93", "name": "Service de l’emploi"}
THEME = "numerique--acceder-a-des-services-en-ligne"
GOAL = {"goal_id": "goal-1", "text": "Travailler près de chez moi"}
STEP = {
    "action_id": "action-1", "kind": "step", "theme": THEME, "text": "Écrire un CV", "assigned_to": "person",
    "due_on": "2026-12-15", "state": "planned", "session_id": None, "enrolment": None,
}  # fmt: skip


def accompaniment_document(**values: object) -> dict[str, object]:
    """Return an active accompaniment as the council sees it."""
    return {
        "accompaniment_id": str(ACCOMPANIMENT_ID),
        "referral_id": str(UUID(int=7)),
        "status": "active",
        "version": 3,
        "commune": {"code": "93048", "name": "Montreuil"},
        "council": COUNCIL,
        "employment_service": SERVICE,
        "person_name": "Camille Exemple",
        "proposed_at": "2026-11-20T09:00:00Z",
        "changed_at": "2026-11-21T09:00:00Z",
        "waiting_for_me": False,
        "person": {"first_name": "Camille", "last_name": "Exemple", "birth_date": "1988-05-03"},
        "side": "council",
        "accepted_by": [COUNCIL["organisation_id"], SERVICE["organisation_id"]],
        "allowed": ["end", "plan", "note"],
        "plan": {"version": 3, "goals": [GOAL], "actions": [STEP], "changed_at": None, "changed_by": None},
        "note": {"text": "Note de notre côté", "changed_at": "2026-11-21T09:00:00Z"},
        "appointments": [],
        "history": [{"at": "2026-11-20T09:00:00Z", "status": "proposed", "by": "receiver", "organisation_name": "C"}],
        **values,
    }


def appointment_document(**values: object) -> dict[str, object]:
    """Return a booked appointment of a day far ahead."""
    return {
        "appointment_id": str(APPOINTMENT_ID),
        "accompaniment_id": str(ACCOMPANIMENT_ID),
        "status": "booked",
        "starts_at": "2096-11-24T13:00:00Z",
        "options": ["2096-11-24T13:00:00Z", "2096-11-25T09:00:00Z"],
        "modality": "in_person",
        "duration_minutes": 45,
        "place": "1 rue de l’Exemple",
        "person_name": "Camille Exemple",
        "organiser": COUNCIL,
        "allowed": ["postponement", "cancellation"],
        **values,
    }


def own_document(**values: object) -> dict[str, object]:
    """Return what the person's link gives."""
    return {
        "first_name": "Camille",
        "status": "booked",
        "starts_at": "2096-11-24T13:00:00Z",
        "options": ["2096-11-24T13:00:00Z", "2096-11-25T09:00:00Z"],
        "modality": "in_person",
        "duration_minutes": 45,
        "place": "1 rue de l’Exemple",
        "organiser": COUNCIL,
        "can": ["postponement", "cancellation"],
        "history_dates": [],
        **values,
    }
