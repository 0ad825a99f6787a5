"""What the invented services remember, and the organisations and people they know. All of it is invented."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from fastapi import Request

NAMESPACE = UUID("4f0a4b0e-0000-4000-8000-000000000000")
REACH = {"phone": "+33199001234", "postal_address": "Hôtel du département, 1 place de l’Exemple\n00000 Exempleville"}
ASSOCIATION = {"code": "entraide", "name": "Entraide Exemple", "kind": "association"}
COUNCIL = {"code": "cd93", "name": "Conseil départemental de l’Exemple", "kind": "council"}
SERVICE = {"code": "ft93", "name": "Service de l’emploi de l’Exemple", "kind": "employment_service"}
PROVIDER = {"code": "of93", "name": "Formation Exemple", "kind": "training_provider"}
OPERATOR = {"code": "operator", "name": "Équipe de la plateforme", "kind": "operator"}
LABELS = {
    "Bénévole A": ASSOCIATION, "Travailleuse sociale B": COUNCIL, "Conseiller C": SERVICE, "Formatrice D": PROVIDER,
    "Responsable des accès E": COUNCIL, "Opératrice F": OPERATOR,
}  # fmt: skip
ROLES = {
    "Bénévole A": "volunteer", "Travailleuse sociale B": "caseworker", "Conseiller C": "adviser",
    "Formatrice D": "trainer", "Responsable des accès E": "manager", "Opératrice F": "operator",
}  # fmt: skip
MEMBERS = [
    {"member_id": str(uuid5(NAMESPACE, label)), "label": label, "role": ROLES[label], "organisation": organisation}
    for label, organisation in LABELS.items()
]
ORGANISATION_OF = {str(uuid5(NAMESPACE, label)): one["code"] for label, one in LABELS.items()}
COMMUNES = {"93048": "Montreuil", "93066": "Saint-Denis", "93008": "Bobigny"}
PERSON = {
    "first_name": "Camille", "last_name": "Exemple", "birth_date": "1988-05-03", "phone": "+33639980000",
    "email": "camille@exemple.test", "address": "1 rue de l’Exemple",
}  # fmt: skip


@dataclass
class State:
    """Everything the fake remembers."""

    referrals: dict[str, dict[str, Any]] = field(default_factory=dict)
    accompaniments: dict[str, dict[str, Any]] = field(default_factory=dict)
    appointments: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    joins: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    partners: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[str, str]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    refuse: str = ""
    unidentified: bool = False
    polls: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    person_calls: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def forget(self) -> None:
        """Begin again, but for the feed, whose positions only grow."""
        for kept in (self.referrals, self.accompaniments, self.appointments, self.links, self.sessions, self.keys):
            kept.clear()
        for asked in (self.joins, self.requests, self.partners):
            asked.clear()
        self.person_calls.clear()

    async def announce(self, referral_id: str, kind: str) -> None:
        """Put an event on every organisation's feed."""
        self.events.append((referral_id, f"fr.maillage.{kind}.v1"))
        async with self.changed:
            self.changed.notify_all()

    def story(self, referral_id: str, status: str, by: str, organisation: dict[str, str] | None, **more: Any) -> None:
        """Add a step to a referral's history."""
        if referral_id in self.referrals:
            name = organisation["name"] if organisation else None
            line = {"at": now(), "status": status, "by": by, "organisation_name": name, **more}
            self.referrals[referral_id]["history"].append(line)


def now() -> str:
    return datetime.now(UTC).isoformat()


def caller(request: Request) -> str:
    """Return the organisation code that the fake's token stands for."""
    return request.headers["authorization"].removeprefix("Bearer ")


def event_id_of(position: int) -> str:
    """Return the id of the event at a position of every feed."""
    return str(uuid5(NAMESPACE, f"event {position}"))
