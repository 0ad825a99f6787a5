"""Journey 1 through the public APIs, from the referral to a confirmed seat, as partners' programs would live it.

Every act is repeated until it is answered, under one idempotency key, so that a service may die at any moment. What is
left at the end is returned in a form that two plays of the journey can be compared by.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from chassis.ids import new_id
from maillage.testing.acts import feed, referral, rows
from maillage.testing.running import RunningStack

DIGITAL_BASICS = "numerique--maitriser-les-fondamentaux-du-numerique"
PATIENCE_SECONDS = 60.0
"""A service that was killed is back within ten on an idle machine."""

OVERTAKEN = {
    "referral_submitted", "accompaniment_proposed", "accompaniment_accepted", "appointment_proposed",
    "appointment_booked", "appointment_postponed", "enrolment_to_confirm",
}  # fmt: skip
"""Notices that a later step of this journey makes untrue: sent or superseded, by which comes first. Both are right."""

DUE_NOTICES = """
SELECT count(*) AS n FROM notices
WHERE referral_id = $1 AND state IN ('requested', 'sending', 'retry', 'fallback')
  AND due_at < now() + interval '2 minutes'
"""
"""Not the reminders of days to come. Where a carrier or a contact was out of reach, the next try follows in 30 s."""

BUSY = {401, 408, 425, 429, 500, 502, 503, 504}
"""Answers after which the same request is made again: nobody is there, or somebody is still starting."""


@dataclass
class Journey:
    """One play of the journey, about one made-up person."""

    stack: RunningStack
    mark: str = field(default_factory=lambda: new_id().hex[-8:])
    typed: dict[str, str] = field(default_factory=dict)
    """What is typed about the person instead of an everyday example; `note` is the referral's."""
    words: dict[str, str] = field(
        default_factory=lambda: {"goal": "Faire ses démarches en ligne", "action": "S’inscrire"}
    )
    """What the shared plan says in words."""
    referral_id: str = ""
    accompaniment_id: str = ""
    appointment_id: str = ""
    session_id: str = ""
    enrolment_id: str = ""
    email: str = ""
    phone: str = ""
    left_before: dict[str, int] = field(default_factory=dict)
    """What other tests of the session left set aside."""

    def __post_init__(self) -> None:
        digits = f"{int(self.mark, 16) % 10_000:04d}"
        self.email = self.typed.get("email") or f"personne-{self.mark}@example.org"
        # 06 39 98: numbers kept for fiction. The last two digits steer the simulator, which delivers 34.
        self.phone = self.typed.get("phone") or f"06 39 98 {digits[:2]} 34"
        start = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
        self.options = [instant(start + timedelta(days=days)) for days in (8, 10, 15)]

    async def play(self, expected: dict[str, Any] | None = None) -> dict[str, Any]:
        """Live the whole journey and return what is left once everything has arrived, as `settled` does."""
        self.left_before = await self.waiting()
        await self.refer()
        await self.accept()
        await self.agree()
        await self.meet()
        await self.postpone()
        await self.train()
        return await self.settled(expected)

    async def refer(self) -> None:
        """The association refers the person."""
        person = {"last_name": f"Exemple {self.mark}", **self.typed, "email": self.email, "phone": self.phone}
        note = person.pop("note", None)
        body = referral(**person) | {"note": note}
        made = await self.act("asso1", "referrals", "/referrals", body)
        self.referral_id = made["referral_id"]

    async def accept(self) -> None:
        """The council acknowledges, looks, accepts."""
        for name in ("receipt", "review", "acceptance"):
            await self.act("cd93", "referrals", f"/referrals/{self.referral_id}/{name}")

    async def agree(self) -> None:
        """The council proposes to accompany together, and both agree; registration hears of it."""
        path = f"/referrals/{self.referral_id}/accompaniment"
        made = await self.act("cd93", "referrals", path, {"employment_service": "ft93"}, again_on={409})
        self.accompaniment_id = made["accompaniment_id"]
        for code in ("cd93", "ft93"):
            await self.act(code, "referrals", f"/accompaniments/{self.accompaniment_id}/acceptance")
        await self.arrived("cd93", "registration.person.tier_changed")

    async def meet(self) -> None:
        """The employment service offers three dates, and the first is agreed by telephone."""
        asked = {
            "accompaniment_id": self.accompaniment_id,
            "modality": "in_person",
            "options": self.options,
            "duration_minutes": 45,
            "place": "12 rue de l’Exemple, 93100 Montreuil",
        }
        made = await self.act("ft93", "registration", "/appointments", asked)
        self.appointment_id = made["appointment_id"]
        path = f"/appointments/{self.appointment_id}/booking"
        await self.act("ft93", "registration", path, {"starts_at": self.options[0]})

    async def postpone(self) -> None:
        """The person follows the link of the e-mail and takes the second date."""
        link = {"maillage-link": await self.link()}
        url = f"{self.stack.url('registration')}/person/appointment"

        async def moved() -> Any:
            async with httpx.AsyncClient(trust_env=False, timeout=10, headers=link) as http:
                shown = await http.get(url)
                if shown.status_code == 200 and shown.json()["starts_at"] != self.options[1]:
                    shown = await http.post(f"{url}/postponement", json={"starts_at": self.options[1]})
                return shown.status_code == 200 and shown.json()["starts_at"] == self.options[1]

        await self.until(moved, "the appointment is moved by the link")

    async def link(self) -> str:
        """Return the token in the link of the first e-mail that gives a date."""

        async def found() -> str | None:
            for mail in await asyncio.to_thread(self.stack.mails):
                _, mark, tail = mail["text"].partition("/rendez-vous/")
                if mark and self.email in mail["to"]:
                    return str(tail.split()[0])
            return None

        return str(await self.until(found, "the e-mail with the link to the appointment"))

    async def train(self) -> None:
        """The plan asks for a seat in a session; the provider confirms it."""
        session = {
            "title": "Bases du numérique",
            "theme": DIGITAL_BASICS,
            "commune": "93048",
            "seats": 2,
            "hours": 12,
            "starts_at": instant(datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)),
            "place": "Médiathèque d’exemple",
        }
        self.session_id = (await self.act("of93", "training", "/sessions", session))["session_id"]
        await self.plan()

        async def held() -> str | None:
            answer = await self.get("of93", "training", "/enrolments", session_id=self.session_id)
            return next((one["enrolment_id"] for one in answer["items"] if one["status"] == "seat_held"), None)

        self.enrolment_id = await self.until(held, "a seat is held")
        await self.act("of93", "training", f"/enrolments/{self.enrolment_id}/confirmation")

    async def plan(self) -> None:
        """The council writes the first shared plan: one goal, one session to attend."""
        path = f"/accompaniments/{self.accompaniment_id}"
        action = {
            "kind": "training",
            "theme": DIGITAL_BASICS,
            "text": self.words["action"],
            "assigned_to": "person",
            "state": "planned",
            "session_id": self.session_id,
        }

        async def written() -> bool:
            known = await self.get("cd93", "referrals", path)
            if known["plan"]["actions"]:
                return True
            plan = {
                "version": known["plan"]["version"],
                "goals": [{"text": self.words["goal"]}],
                "actions": [action],
            }
            return (await self.send("PUT", "cd93", "referrals", f"{path}/plan", plan)).status_code == 200

        await self.until(written, "the first plan is written")

    async def note(self, code: str, text: str) -> None:
        """One side notes something for itself."""
        path = f"/accompaniments/{self.accompaniment_id}/note"

        async def noted() -> bool:
            return (await self.send("PUT", code, "referrals", path, {"text": text})).is_success

        await self.until(noted, f"{code} notes something for itself")

    async def settled(self, expected: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what is left, once two looks in a row see the same and nothing is on its way.

        With `expected`, that is waited for, since what a dead service had still to do shows nowhere until it is back;
        what is there when patience ends is returned, to be compared.
        """
        before: dict[str, Any] = {}

        async def still() -> dict[str, Any] | None:
            nonlocal before
            now = await self.state()
            same = now == before and not now["waiting"] and "enrolment_confirmed" in now["history"]
            before = now
            return now if same and (expected is None or now == expected) else None

        try:
            end: dict[str, Any] = await self.until(
                still, "everything has arrived", seconds=PATIENCE_SECONDS * 1.5, pause=1.0
            )
        except AssertionError:
            if expected is None:
                raise
            return before
        return end

    async def state(self) -> dict[str, Any]:
        """Return what every part holds about this journey now, without ids and times."""
        seen = await self.get("asso1", "referrals", f"/referrals/{self.referral_id}")
        both = [
            await self.get(code, "referrals", f"/accompaniments/{self.accompaniment_id}") for code in ("cd93", "ft93")
        ]
        agenda = await self.get("ft93", "registration", f"/appointments/{self.appointment_id}")
        notices = await rows(
            self.stack,
            "notifications",
            "SELECT notice_id, template, state FROM notices WHERE referral_id = $1",
            self.referral_id,
        )
        mine = {str(row["notice_id"]) for row in notices if row["template"] not in OVERTAKEN}
        mails = [m for m in await asyncio.to_thread(self.stack.mails) if any(id_ in m["message_id"] for id_ in mine)]
        sms = [m for m in await asyncio.to_thread(self.stack.sms) if m["reference"] in mine]
        return {
            "referral": seen["status"],
            "history": sorted(entry["status"] for entry in seen["history"]),
            # None while training has not told of the enrolment yet, or has not been heard.
            "accompaniment": [
                (one["status"], (one["plan"]["actions"][0]["enrolment"] or {}).get("status")) for one in both
            ],
            "appointment": (agenda["status"], self.options.index(agenda["starts_at"])),
            "tiers": [
                row["tier"]
                for row in await rows(
                    self.stack,
                    "registration",
                    "SELECT t.tier FROM tiers t JOIN identifications i USING (subject_ref) WHERE i.referral_id = $1",
                    self.referral_id,
                )
            ],
            "notices": Counter(
                (row["template"], "" if row["template"] in OVERTAKEN else row["state"]) for row in notices
            ),
            "mails": Counter((mail["subject"], self.email in mail["to"]) for mail in mails),
            "sms": len(sms),
            "streams": {code: await self.told(code) for code in ("asso1", "cd93", "ft93", "of93", "cd94")},
            "waiting": await self.waiting(),
        }

    async def told(self, code: str) -> dict[str, int]:
        """Return how often an organisation was told each fact of this journey."""
        events = await self.until(lambda: feed(self.stack, code), f"the feed of {code}", empty=True)
        return dict(Counter(e["type"] for e in events if e["data"].get("referral_id") == self.referral_id))

    async def waiting(self) -> dict[str, int]:
        """Return what has not left an outbox, or was set aside, by service, and this journey's notices to send."""
        left = {}
        for service in ("registration", "referrals", "training", "notifications", "partners"):
            found = await rows(
                self.stack,
                service,
                "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_parked)"
                " + (SELECT count(*) FROM dead_letters) AS n",
            )
            more = found[0]["n"] - self.left_before.get(service, 0)
            if more > 0:
                left[service] = more
        if self.referral_id:
            due = await rows(self.stack, "notifications", DUE_NOTICES, self.referral_id)
            if due[0]["n"]:
                left["notices"] = due[0]["n"]
        return left

    async def arrived(self, code: str, fact: str) -> None:
        """Wait for a fact of this journey in an organisation's feed."""

        async def there() -> bool:
            return f"fr.maillage.{fact}.v1" in await self.told(code)

        await self.until(there, f"{fact} reaches {code}")

    async def act(
        self, code: str, service: str, path: str, body: Any = None, *, again_on: set[int] | None = None
    ) -> Any:
        """POST until it is answered, under one key; fails on a refusal that is not in `again_on`."""
        key = f"journey-{new_id()}"

        async def done() -> Any:
            answer = await self.send("POST", code, service, path, body, key=key)
            if answer.status_code in (again_on or set()) or "in_progress" in answer.text:
                return None
            assert answer.is_success, f"POST {path}: {answer.status_code} {answer.text}"
            return answer.json()

        return await self.until(done, f"POST {path}")

    async def get(self, code: str, service: str, path: str, **params: Any) -> Any:
        """GET until it is answered."""

        async def read() -> Any:
            async with self.stack.client(code, service) as http:
                answer = await http.get(path, params=params)
            if answer.status_code in BUSY:
                raise httpx.TransportError("not there yet")
            assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
            return answer.json()

        return await self.until(read, f"GET {path}")

    async def send(
        self, method: str, code: str, service: str, path: str, body: Any = None, *, key: str = ""
    ) -> httpx.Response:
        """Make one request; raises TransportError when whoever should answer is not there."""
        async with self.stack.client(code, service) as http:
            answer = await http.request(method, path, json=body, headers={"idempotency-key": key or str(new_id())})
        if answer.status_code in BUSY:
            raise httpx.TransportError("not there yet")
        return answer

    async def until(
        self,
        work: Callable[[], Awaitable[Any]],
        what: str,
        *,
        seconds: float = PATIENCE_SECONDS,
        pause: float = 0.1,
        empty: bool = False,
    ) -> Any:
        """Return the first answer of `work` that says something, repeating it while nobody answers."""
        seconds *= self.stack.patience
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                found = await work()
            except (httpx.HTTPError, OSError):
                found = None
            if found or (empty and found is not None):
                return found
            await asyncio.sleep(pause)
        raise AssertionError(f"not after {seconds:.0f} s: {what}")


def instant(at: datetime) -> str:
    """Return an instant as the APIs write it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
