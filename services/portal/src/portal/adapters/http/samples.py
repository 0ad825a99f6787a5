"""What `/design` shows in its components: invented, fixed, and awkward on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from portal.adapters.http.words import Words
from portal.domain import accompaniment, appointment
from portal.domain.accompaniment import AccompanimentLine, Action, Goal, Seat
from portal.domain.appointment import AgendaDay, Appointment
from portal.domain.dates import Offer
from portal.domain.draft import Fault
from portal.domain.referral import STATUSES, Party, Place, Step

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


SERVICE = "Service de l’emploi de l’Exemple"
THEME = "numerique--acceder-a-des-services-en-ligne"
LINE = AccompanimentLine(
    UUID(int=1), UUID(int=2), "active", 3, Place("93048", "Montreuil"), Party("cd93", COUNCIL), Party("ft93", SERVICE),
    "Camille Exemple", START, START,
)  # fmt: skip
ACTIONS = (
    Action("a", "step", THEME, "Ouvrir un compte sur le site de l’assurance maladie.", "person", date(2026, 11, 24),
           "done"),
    Action("b", "training", THEME, "", "employment_service", date(2026, 12, 15), "planned", "s",
           Seat("confirmed", START + timedelta(days=30))),
    Action("c", "training", THEME, "", "council", None, "planned", "s", Seat("waitlisted", None, 2)),
)  # fmt: skip


def _appointment(n: int, status: str, modality: str, place: str = "") -> Appointment:
    at, council = START + timedelta(hours=2 * n), Party("cd93", COUNCIL)
    name = f"Camille Exemple-{n}"
    return Appointment(UUID(int=n), UUID(int=1), status, at, (), modality, 45, place, name, council, ())


DAY = AgendaDay(
    START.date(),
    (_appointment(1, "booked", "in_person", "1 place de l’Exemple, bureau 12"), _appointment(2, "held", "phone")),
)
OFFER = Offer(("2026-11-24", "", ""), ("14:30", "", ""))


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
    line: AccompanimentLine = LINE
    goals: tuple[Goal, ...] = (Goal("g", "Faire mes démarches en ligne, sans aide."),)
    actions: tuple[Action, ...] = ACTIONS
    together: tuple[str, ...] = accompaniment.STATUSES
    meetings: tuple[str, ...] = appointment.STATUSES
    day: AgendaDay = DAY
    dates: tuple[tuple[str, datetime], ...] = (("1", START), ("2", START + timedelta(days=1, hours=3)))
    offer: Offer = OFFER

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
