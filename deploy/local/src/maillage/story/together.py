"""Second part: the council and the employment service accompany together; a first appointment, moved once by a link."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from maillage.api import check
from maillage.story.orientation import EMAIL
from maillage.story.scene import Told

PARIS = ZoneInfo("Europe/Paris")
FIRST_IN_DAYS = 8
LINK = "/rendez-vous/"


class Together:
    """The joint accompaniment and its first appointment."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self.accompaniment_id = ""

    async def play(self) -> None:
        """Play from the proposal to the date that was moved."""
        await self._agree()
        dates = afternoons(datetime.now(PARIS).date())
        appointment_id = await self._meet(dates)
        await self._postpone(appointment_id, dates[1])

    async def _agree(self) -> None:
        told = self._told
        path = f"/referrals/{told.referral_id}/accompaniment"

        async def proposed() -> dict[str, Any] | None:
            # 409 until referrals has read who the person is: its topic and partners' promise no order.
            answer = await told.scene.clients["cd93"].call(
                "POST",
                told.scene.url("referrals", path),
                json={"employment_service": "ft93"},
                headers=told.key(),
            )
            return None if answer.status_code == 409 else dict(check(answer))

        told.restart()
        made = await told.eventually(proposed, "La proposition d'accompagnement global")
        self.accompaniment_id = str(made["accompaniment_id"])
        await told.arrival(
            "ft93",
            "accompaniment.proposed",
            "Le département 93 propose un accompagnement global, l'agence de l'emploi le voit",
            "joint accompaniment proposed",
        )
        acceptance = f"/accompaniments/{self.accompaniment_id}/acceptance"
        await told.act("cd93", "referrals", acceptance)
        await told.arrival("ft93", "accompaniment.accepted", "Le département 93 s'engage", "the council agrees")
        await told.act("ft93", "referrals", acceptance)
        await told.arrival(
            "asso1", "accompaniment.activated", "L'agence s'engage aussi : l'accompagnement commence", "both agreed"
        )
        await told.arrival(
            "cd93", "person.tier_changed", "Le niveau de suivi devient « global »", "support tier becomes joint"
        )

    async def _meet(self, dates: list[str]) -> str:
        told = self._told
        asked = {
            "accompaniment_id": self.accompaniment_id,
            "modality": "in_person",
            "options": dates,
            "duration_minutes": 45,
            "place": "12 rue de l'Exemple, 93100 Montreuil",
        }
        made = await told.act("ft93", "registration", "/appointments", asked)
        await told.act(
            "ft93", "registration", f"/appointments/{made['appointment_id']}/booking", {"starts_at": dates[0]}
        )
        await told.arrival(
            "asso1",
            "appointment.booked",
            f"Premier rendez-vous à deux : {in_words(dates[0])}",
            "first appointment booked",
        )
        return str(made["appointment_id"])

    async def _postpone(self, appointment_id: str, starts_at: str) -> None:
        told = self._told

        async def link() -> str | None:
            for mail in await told.scene.caught("mail"):
                _, found, rest = str(mail["text"]).partition(LINK)
                if found and EMAIL in mail["to"]:
                    return rest.split()[0]
            return None

        token = await told.eventually(link, "Le courriel qui donne la date à Camille")
        told.line(
            told.since_act(), "Camille reçoit un courriel avec la date et un lien", "e-mail with the date and a link"
        )
        told.restart()
        check(
            await told.scene.http.post(
                told.scene.url("registration", "/person/appointment/postponement"),
                json={"starts_at": starts_at},
                headers={"Maillage-Link": token},
            )
        )
        await told.arrival(
            "asso1", "appointment.postponed", "Camille choisit une autre date, sans devoir dire pourquoi", "postponed"
        )
        await told.scene.feeds["cd93"].arrival(
            lambda event: (
                told.is_("appointment.booked.v1")(event)
                and datetime.fromisoformat(event["data"]["starts_at"]) == datetime.fromisoformat(starts_at)
            ),
            "La nouvelle date dans le fil du département",
        )
        told.line(
            told.since_act(), f"Tous voient la nouvelle date : {in_words(starts_at)}", "everybody sees the new date"
        )


def afternoons(today: date) -> list[str]:
    """Return three working days from a week on, 14 h in Paris, as instants in UTC."""
    days = (today + timedelta(days=FIRST_IN_DAYS + n) for n in range(7))
    working = [day for day in days if day.weekday() < 5][:3]
    starts = (datetime.combine(day, time(14), PARIS).astimezone(UTC) for day in working)
    return [start.isoformat().replace("+00:00", "Z") for start in starts]


def in_words(instant: str) -> str:
    """Return a date as the line of a terminal shows it."""
    return datetime.fromisoformat(instant).astimezone(PARIS).strftime("%d/%m à %H h %M")
