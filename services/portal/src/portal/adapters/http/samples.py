"""What `/design` shows in its components: invented, fixed, and awkward on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal.adapters.http.words import Words
from portal.domain.draft import Fault
from portal.domain.referral import STATUSES, Step

START = datetime(2026, 11, 2, 8, 5, tzinfo=UTC)
COUNCIL = "Conseil départemental de l’Exemple"
ASSOCIATION = "Association Exemple"


def _history() -> tuple[Step, ...]:
    statuses = ("submitted", "received", "under_review", "overdue", "declined", "withdrawn", "accepted")
    return tuple(
        Step(
            at=START + timedelta(days=3 * n, minutes=17 * n),
            status=status,
            by="referrer" if status in ("submitted", "withdrawn") else "receiver",
            organisation_name=ASSOCIATION if status in ("submitted", "withdrawn") else COUNCIL,
            reasons=("session_full", "out_of_area") if status == "declined" else (),
            declined_by="provider" if status == "declined" else "",
        )
        for n, status in enumerate(statuses)
    )


@dataclass(frozen=True, slots=True)
class Sample:
    statuses: tuple[str, ...]
    history: tuple[Step, ...]
    faults: tuple[Fault, ...]
    at: datetime
    council: str
    note: str
    long_name: str
    code: str

    def bars(self, words: Words) -> list[tuple[str, int]]:
        return [(words(f"status.{status}"), n) for status, n in (("submitted", 12), ("received", 7), ("accepted", 31))]


SAMPLE = Sample(
    statuses=STATUSES,
    history=_history(),
    faults=(Fault("first_name", "fault.first_name.missing"), Fault("declined_by", "fault.declined_by")),
    at=START,
    council=COUNCIL,
    note="Camille Exemple préfère être appelée le matin.",
    long_name="de l’Exemple-Particulièrement-Long de La Tour-d’Auvergne-Lauraguais-Sainte-Démonstration",
    code="0af7651916cd43dd8448eb211c80319c",
)
