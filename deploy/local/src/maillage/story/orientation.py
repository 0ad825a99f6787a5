"""First part: an association refers, the right council answers, its neighbour sees nothing."""

from __future__ import annotations

from maillage.errors import Refusal
from maillage.story.scene import Told

MONTREUIL = "93048"
EMAIL = "camille@example.org"
PERSON = {
    "first_name": "Camille",
    "birth_date": "1990-05-17",
    # 06 39 98: mobile numbers kept for fiction; the simulator delivers to this one.
    "phone": "06 39 98 12 34",
    "email": EMAIL,
    "address": "2 rue de l'Exemple, 93100 Montreuil",
}
REFERRAL = {
    "commune": MONTREUIL,
    "themes": ["logement-hebergement--se-maintenir-dans-le-logement"],
    "note": "Personne inventée pour la démonstration.",
    "person_informed": True,
}

STATUS_WORDS = {
    "submitted": "transmise",
    "received": "reçue par le département",
    "under_review": "à l'étude",
    "accepted": "acceptée",
    "identified": "personne reconnue",
    "accompaniment_proposed": "accompagnement proposé",
    "accompaniment_accepted": "un premier accord",
    "accompaniment_active": "accompagnement à deux",
    "appointment_proposed": "dates proposées",
    "appointment_booked": "rendez-vous pris",
    "appointment_postponed": "rendez-vous déplacé",
    "enrolment_requested": "formation demandée",
    "enrolment_seat_held": "place réservée",
    "enrolment_confirmed": "place confirmée",
}


class Orientation:
    """The referral and its answers."""

    def __init__(self, told: Told, last_name: str) -> None:
        self._told = told
        person: dict[str, str] = {**PERSON, "last_name": last_name}
        self._asked = {**REFERRAL, "person": person}

    async def play(self) -> None:
        """Play from the submission to the acceptance."""
        told = self._told
        await self._submit()
        for command, fact, french, english in (
            ("receipt", "received", "Le département 93 accuse réception", "receipt acknowledged"),
            ("review", "review_started", "Le département 93 étudie la demande", "under review"),
            ("acceptance", "accepted", "Le département 93 accepte", "accepted"),
        ):
            await told.act("cd93", "referrals", f"/referrals/{told.referral_id}/{command}")
            await told.arrival("asso1", f"referral.{fact}", french, f"{english}, seen in the association's feed")
        await self._neighbour_sees_nothing()

    async def timeline(self) -> None:
        """Tell what the association sees of the whole story."""
        told = self._told
        url = told.scene.url("referrals", f"/referrals/{told.referral_id}")

        async def complete() -> list[dict[str, str]] | None:
            history = (await told.scene.clients["asso1"].get(url))["history"]
            return history if any(entry["status"] == "enrolment_confirmed" for entry in history) else None

        history = await told.eventually(complete, "Le suivi de l'association")
        steps = [STATUS_WORDS.get(entry["status"], entry["status"]) for entry in history]
        told.remark("Suivi de l'association · the association's timeline :")
        for start in range(0, len(steps), 5):
            told.remark("  " + " → ".join(steps[start : start + 5]))

    async def _submit(self) -> None:
        told = self._told
        answer = await told.act("asso1", "referrals", "/referrals", self._asked)
        told.referral_id = str(answer["referral_id"])
        told.line(told.since_act(), "L'association oriente Camille Exemple, à Montreuil", "referral answered 201")
        event = await told.arrival(
            "cd93", "referral.submitted", "Le département 93 la voit dans son fil", "seen in the council's feed"
        )
        at = await told.scene.topics["cd93"].arrival(event["id"], "L'orientation dans le sujet Kafka du département 93")
        told.line(told.since_act(at), "… et dans son propre sujet Kafka", "and in its own Kafka topic, same event id")
        await told.arrival(
            "asso1", "person.identified", "L'inscription reconnaît ou pré-inscrit la personne", "person identified"
        )

    async def _neighbour_sees_nothing(self) -> None:
        told = self._told
        shown = [event for _, event in told.scene.feeds["cd94"].seen if told.is_("")(event)]
        page = await told.scene.clients["cd94"].call(
            "GET", told.scene.url("referrals", f"/referrals/{told.referral_id}")
        )
        records = await told.scene.topics["cd94"].count()
        if shown or records or page.status_code != 404:
            raise Refusal(
                "Le département 94 voit une orientation qui n'est pas la sienne · the other council sees the referral",
                "arrêtez tout (maillage down) et signalez-le : c'est une faute grave",
            )
        told.remark("Le département 94 ne voit rien : fil vide, sujet vide, 404 · nothing for the other council")
