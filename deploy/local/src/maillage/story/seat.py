"""Third part: the shared plan asks for a seat in a training session, which is held, then confirmed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from maillage.story.orientation import MONTREUIL
from maillage.story.scene import Told

DIGITAL_BASICS = "numerique--maitriser-les-fondamentaux-du-numerique"


class Seat:
    """A session of digital basics: six times two hours, ten seats."""

    def __init__(self, told: Told, accompaniment_id: str) -> None:
        self._told = told
        self._accompaniment_id = accompaniment_id

    async def play(self) -> None:
        """Open a session, plan it, confirm the seat."""
        told = self._told
        starts_at = (datetime.now(UTC) + timedelta(days=30)).replace(hour=8, minute=0, second=0, microsecond=0)
        session = await told.act(
            "of93",
            "training",
            "/sessions",
            {
                "title": "Bases du numérique : 6 séances de 2 heures",
                "theme": DIGITAL_BASICS,
                "commune": MONTREUIL,
                "seats": 10,
                "hours": 12,
                "starts_at": starts_at.isoformat().replace("+00:00", "Z"),
                "place": "Médiathèque d'exemple, 93100 Montreuil",
            },
        )
        told.restart()
        await self._plan(str(session["session_id"]))
        held = await told.arrival(
            "of93", "enrolment.seat_held", "Le plan partagé demande une formation : une place est réservée", "seat held"
        )
        await told.act("of93", "training", f"/enrolments/{held['data']['enrolment_id']}/confirmation")
        await told.arrival(
            "asso1", "enrolment.confirmed", "L'organisme de formation confirme la place", "seat confirmed"
        )

    async def _plan(self, session_id: str) -> None:
        council, scene = self._told.scene.clients["cd93"], self._told.scene
        url = scene.url("referrals", f"/accompaniments/{self._accompaniment_id}")
        known: dict[str, Any] = await council.get(url)
        await council.put(
            f"{url}/plan",
            {
                "version": known["plan"]["version"],
                "goals": [{"text": "Garder le logement, et faire ses démarches en ligne"}],
                "actions": [
                    {
                        "kind": "step",
                        "theme": "logement-hebergement--se-maintenir-dans-le-logement",
                        "text": "Demander l'aide au maintien dans le logement",
                        "assigned_to": "council",
                        "state": "planned",
                    },
                    {
                        "kind": "training",
                        "theme": DIGITAL_BASICS,
                        "assigned_to": "person",
                        "state": "planned",
                        "session_id": session_id,
                    },
                ],
            },
        )
