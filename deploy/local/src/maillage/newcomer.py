"""Join as a newcomer does, on what runs here: ask, read the mail, confirm, be approved, fetch, read the first event.

Only public routes are called, by whoever would call them: the newcomer with the link of their mail and then with their
own credentials, the operator for the approval, the desk for the mailbox. Nothing secret is printed.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from maillage.api import Client, check, http_client, send
from maillage.errors import Refusal
from maillage.operators import operator
from maillage.settings import LocalSettings

MAIL_SECONDS = 60.0
"""A mail leaves within a second or two of its event; a loaded machine takes its time."""

MAIL_EVERY_SECONDS = 0.1
EVENT_SECONDS = 25
"""One long poll: the synthetic event is in the stream before its answer."""

FICTIVE_SIREN = "732829320"
"""INSEE's own example of a number whose check digit is right."""

_LINK = re.compile(r"/rejoindre/([A-Za-z0-9_-]{20,100})")
Answer = TypeVar("Answer")


@dataclass
class Journey:
    """What was done, and how long each step took."""

    seconds: dict[str, float] = field(default_factory=dict)
    credentials: dict[str, Any] = field(default_factory=dict)
    link: str = ""
    event: dict[str, Any] = field(default_factory=dict)

    async def step(self, name: str, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do one step and note its time."""
        started = time.monotonic()
        done = await work()
        self.seconds[name] = round(time.monotonic() - started, 3)
        return done

    def document(self) -> dict[str, Any]:
        """Return what may be shown: no secret, and not the link."""
        return {
            "organisation_code": self.credentials["organisation_code"],
            "client_id": self.credentials["client_id"],
            "scopes": self.credentials["scopes"],
            "kafka": (self.credentials["kafka"] or {}).get("topic"),
            "first_event": {"id": self.event["id"], "type": self.event["type"]},
            "steps": self.seconds,
            "seconds": round(sum(self.seconds.values()), 3),
        }


async def join(settings: LocalSettings, *, kind: str, place: str, sandbox: bool) -> Journey:
    """Join and return how it went; refuses where a step is refused."""
    if not settings.has_desk:
        raise Refusal(
            "La boîte aux lettres d'essai n'existe que dans la démonstration · only the demonstration has a mailbox",
            "maillage up",
        )
    async with http_client() as http:
        return await _Newcomer(http, settings).join(kind, place, sandbox=sandbox)


class _Newcomer:
    def __init__(self, http: httpx.AsyncClient, settings: LocalSettings) -> None:
        self._http = http
        self._settings = settings
        self._url = settings.operations_url_of("partners")
        self._email = f"nouveau-{uuid4().hex[:8]}@organisation.example"
        self._journey = Journey()

    async def join(self, kind: str, place: str, *, sandbox: bool) -> Journey:
        journey = self._journey
        asked = await journey.step("ask", lambda: self._ask(kind, place, sandbox=sandbox))
        journey.link = await journey.step("mail", self._mail)
        confirmed = await journey.step("confirm", lambda: self._post("/join-request/confirmation"))
        if confirmed["state"] == "confirmed":
            await journey.step("approve", lambda: self._approve(str(asked["join_request_id"])))
        journey.credentials = await journey.step("credentials", lambda: self._post("/join-request/credentials"))
        given = journey.credentials
        client = Client(self._http, given["token_url"], given["client_id"], given["client_secret"])
        await journey.step("token", client.token)
        before = await journey.step("feed", lambda: client.get(given["feed_url"]))
        await journey.step("test_event", lambda: self._post("/join-request/test-event"))
        journey.event = await journey.step("first_event", lambda: _first(client, given["feed_url"], before["cursor"]))
        return journey

    async def _ask(self, kind: str, place: str, *, sandbox: bool) -> Any:
        body = {
            "name": "Organisation d’exemple (nouvelle venue)",
            "legal_number": FICTIVE_SIREN,
            "kind": kind,
            "territory": {"departements": [place]},
            "phone": "01 99 00 00 77",
            "postal_address": "77 rue de l’Exemple\n00000 Exempleville",
            "contact_email": self._email,
            "sandbox": sandbox,
        }
        headers = {"idempotency-key": str(uuid4())}
        return check(await send(self._http, "POST", f"{self._url}/join-requests", json=body, headers=headers))

    async def _mail(self) -> str:
        deadline = time.monotonic() + MAIL_SECONDS
        while time.monotonic() < deadline:
            mailbox = f"{self._settings.desk_url}/mail.json"
            found = check(await send(self._http, "GET", mailbox, params={"to": self._email}))
            links = [link for mail in found["items"] for link in _LINK.findall(str(mail))]
            if links:
                return str(links[0])
            await asyncio.sleep(MAIL_EVERY_SECONDS)
        raise Refusal(
            f"Aucun courriel n'est arrivé en {MAIL_SECONDS:.0f} s · no mail came", "maillage logs notifications"
        )

    async def _post(self, path: str) -> Any:
        headers = {"maillage-join": self._journey.link}
        return check(await send(self._http, "POST", f"{self._url}{path}", headers=headers))

    async def _approve(self, join_request_id: str) -> Any:
        async with operator(self._settings) as client:
            waiting = await client.get(f"{self._url}/join-requests", state="confirmed", limit=500)
            mine = next(one for one in waiting["items"] if one["join_request_id"] == join_request_id)
            taken = {one["code"] for one in (await client.get(f"{self._url}/organisations"))["items"]}
            code = mine["suggested_code"]
            if code in taken:
                code = f"{code[:14]}{uuid4().hex[:6]}"
            return await client.post(f"{self._url}/join-requests/{join_request_id}/approval", {"code": code})


async def _first(client: Client, feed_url: str, cursor: str) -> dict[str, Any]:
    page = await client.get(feed_url, after=cursor, wait=EVENT_SECONDS)
    if not page["events"]:
        raise Refusal("Aucun événement n'est arrivé · no event came", "maillage logs partners")
    found: dict[str, Any] = page["events"][0]
    return found
