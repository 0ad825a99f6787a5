"""Make a territory as a file says: one step after another in each organisation, organisations side by side.

Every step can be done again: what was done is found done, what was interrupted is found and gone on with. A secret is
kept before anything follows it. Whatever a service refuses is told with the line of the file that asked for it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from maillage.api import Client, check
from maillage.errors import Refusal
from maillage.territory.found import Found, is_live, look, sessions_of
from maillage.territory.keeping import Keeper, name_of_url
from maillage.territory.planning import (
    CHANGE,
    CHANGES,
    CREATE,
    EXTRA,
    NOTHING,
    RENEW,
    Comparing,
    Step,
    territory_of,
    types_of,
)
from maillage.territory.reading import TerritoryFile
from maillage.territory.wanted import Organisation, Programme

KAFKA_ACCESS_SECONDS = 60.0
"""`partners` creates topic, user and rights in the background, as soon as Kafka answers it."""
LOOK_SECONDS = 0.1


@dataclass
class Applying:
    """A file, the services that it is about, and where secrets are kept."""

    file: TerritoryFile
    operator: Client
    http: httpx.AsyncClient
    partners: str
    training: str
    keeper: Keeper
    renew_lost: bool = False
    found: dict[str, Found] = field(default_factory=dict)
    """What the plan found of each organisation, and what was made of it since."""

    async def plan(self) -> list[Step]:
        """Return what is to be done, in the file's order; refuse what can never be."""
        found = self.found = await look(self.operator, self.partners, self.file.wanted)
        await asyncio.gather(*(self._see_live(one, found[one.code]) for one in self.file.wanted.organisations))
        steps, conflicts = [], []
        for number, organisation in enumerate(self.file.wanted.organisations):
            place = ("organisations", number)
            comparing = Comparing(organisation, found[organisation.code], self.keeper, place, self.renew_lost)
            conflicts += list(comparing.conflicts())
            steps += list(comparing.steps())
        if conflicts:
            said = [f"  {self.file.where(*place)} : {french} · {english}" for place, french, english in conflicts]
            raise Refusal("\n".join(["Cela ne peut pas devenir ainsi · it cannot become so :", *said]))
        programmes = [self._programme_step(number, one) for number, one in enumerate(self.file.wanted.programmes)]
        return steps + list(await asyncio.gather(*programmes))

    async def apply(self, steps: Sequence[Step], done: Callable[[Step], None] = lambda step: None) -> None:
        """Do every change among these steps; call `done` after each."""
        wanted = {one.code: one for one in self.file.wanted.organisations}
        of = {code: [one for one in steps if one.code == code and one.what != "programme"] for code in wanted}
        # One organisation that is refused does not stop the others half-way.
        ended = await asyncio.gather(
            *(self._organisation(wanted[code], own, done) for code, own in of.items()), return_exceptions=True
        )
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure
        for step in steps:
            if step.what == "programme" and step.action in CHANGES:
                await self._told(step, self._open_session(self.file.wanted.programmes[int(step.place[1])]), done)

    async def prune(self, steps: Iterable[Step], done: Callable[[Step], None] = lambda step: None) -> None:
        """Remove what the file does not name, among these steps; call `done` after each."""
        path = {"client": "clients", "webhook": "webhooks", "member": "members"}
        for step in steps:
            if step.action == EXTRA:
                url = (
                    self._url(step.code) + f"/{path[step.what]}/{step.ref}" if step.ref else self._kafka_url(step.code)
                )
                await self._told(step, self._delete(url), done)

    def client_of(self, code: str, name: str) -> Client | None:
        """Return one of the clients whose secret is kept."""
        kept = self.keeper.get(code, "client", name) or {}
        if "client_secret" not in kept:
            return None
        return Client(self.http, self._token_url, kept["client_id"], kept["client_secret"])

    @property
    def _token_url(self) -> str:
        return f"{self.partners}/oauth/token"

    def _url(self, code: str) -> str:
        return f"{self.partners}/organisations/{code}"

    def _kafka_url(self, code: str) -> str:
        return f"{self._url(code)}/kafka-access"

    async def _see_live(self, organisation: Organisation, found: Found) -> None:
        live = set()
        for one in organisation.clients:
            client = self.client_of(organisation.code, one.name)
            if found.organisation is not None and client is not None and await is_live(client):
                live.add((self.keeper.get(organisation.code, "client", one.name) or {})["client_id"])
        found.live_clients = frozenset(live)

    async def _told(self, step: Step, work: Any, done: Callable[[Step], None]) -> None:
        try:
            await work
        except Refusal as refusal:
            sentence = f"{self.file.where(*step.place)} ({step.code}, {step.what}) : {refusal.sentence}"
            raise Refusal(sentence, refusal.remedy) from None
        done(step)

    async def _organisation(self, wanted: Organisation, steps: Sequence[Step], done: Callable[[Step], None]) -> None:
        for step in steps:
            if step.action in CHANGES:
                await self._told(step, self._do(wanted, step), done)

    async def _do(self, wanted: Organisation, step: Step) -> None:
        match step.what:
            case "organisation":
                self.found[step.code].organisation = await self.operator.put(self._url(step.code), body_of(wanted))
            case "member":
                member = next(one for one in wanted.members if one.label == step.name)
                body = {"role": member.role, "label": member.label}
                made = await self.operator.post(f"{self._url(step.code)}/members", body)
                self.found[step.code].members = [*self.found[step.code].members, made]
            case "client":
                await self._make_client(wanted, step)
            case "webhook":
                await self._make_webhook(wanted, step)
            case "kafka":
                await self._open_kafka(step)

    async def _make_client(self, wanted: Organisation, step: Step) -> None:
        client = next(one for one in wanted.clients if one.name == step.name)
        scopes = Comparing(wanted, Found(), self.keeper, ()).scopes_of(client)
        kept = self.keeper.get(step.code, "client", step.name) or {}
        if step.action != CHANGE or step.ref:
            self.keeper.put(step.code, "client", step.name, {**kept, "asked": True})
            made = await self.operator.post(f"{self._url(step.code)}/clients", {"scopes": scopes})
            kept = {
                "client_id": made["client_id"],
                "client_secret": made["client_secret"],
                "scopes": scopes,
                "token_url": self._token_url,
                **({"replaces": step.ref} if step.ref else {}),
            }
            self.keeper.put(step.code, "client", step.name, kept)
        if "replaces" in kept:
            await self._delete(f"{self._url(step.code)}/clients/{kept.pop('replaces')}")
            self.keeper.put(step.code, "client", step.name, kept)

    async def _make_webhook(self, wanted: Organisation, step: Step) -> None:
        webhook = next(one for one in wanted.webhooks if one.url == step.name)
        url, name = f"{self._url(step.code)}/webhooks", name_of_url(webhook.url)
        if step.action == RENEW:
            made = await self.operator.post(f"{url}/{step.ref}/secrets")
            self.keeper.put(step.code, "webhook", name, {"webhook_id": step.ref, "secret": made["secret"]})
            return
        if step.action == CREATE or step.note == "event_types":
            # The new one goes on where the old one stands, also where we were interrupted between the two.
            after = (self.keeper.get(step.code, "webhook", name) or {}).get("after")
            if step.ref:
                after = (await self.operator.get(f"{url}/{step.ref}"))["cursor"]
            self.keeper.put(step.code, "webhook", name, {"asked": True, "after": after})
            if step.ref:
                await self._delete(f"{url}/{step.ref}")
            body = {"url": webhook.url, "event_types": webhook.event_types, "after": after}
            made = await self.operator.post(url, body)
            kept = {"webhook_id": made["webhook_id"], "url": webhook.url, "secret": made["secret"]}
            self.keeper.put(step.code, "webhook", name, kept)
            verified = made
        else:
            verified = {"webhook_id": step.ref, "state": "pending"}
        if verified["state"] == "pending":
            await self.operator.post(f"{url}/{verified['webhook_id']}/verification")

    async def _open_kafka(self, step: Step) -> None:
        url = self._kafka_url(step.code)
        kept = self.keeper.get(step.code, "kafka", "") or {}
        self.keeper.put(step.code, "kafka", "", {**kept, "asked": True})
        access = await self.operator.put(url)
        if "password" not in access and (step.action == RENEW or "password" not in kept):
            # It was shown once, to nobody who is left: only a new access has a new one.
            await self.operator.delete(url)
            await self._access(url, lambda found: found["state"] == "revoked")
            access = await self.operator.put(url)
        kept = {**kept, **access}
        self.keeper.put(step.code, "kafka", "", kept)
        ready = await self._access(url, lambda found: bool(found["ready"]))
        self.keeper.put(step.code, "kafka", "", {**kept, **ready})

    async def _access(self, url: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + KAFKA_ACCESS_SECONDS
        while not wanted(found := dict(await self.operator.get(url))):
            if asyncio.get_running_loop().time() > deadline:
                raise Refusal(
                    f"Un accès Kafka n'est pas prêt après {KAFKA_ACCESS_SECONDS:.0f} s · Kafka access is not ready",
                    "maillage logs partners",
                )
            await asyncio.sleep(LOOK_SECONDS)
        return found

    async def _programme_step(self, number: int, programme: Programme) -> Step:
        def step(action: str, note: str = "") -> Step:
            return Step(action, programme.provider, "programme", programme.title, ("programmes", number), note)

        if programme.starts_at <= datetime.now(UTC):
            return step(NOTHING, "commencée · has begun")
        provider = self.client_of(programme.provider, programme.client)
        if provider is None or not await is_live(provider):
            return step(CREATE)
        for known in await sessions_of(provider, self.training, programme):
            if known["title"] == programme.title and datetime.fromisoformat(known["starts_at"]) == programme.starts_at:
                other = [key for key in ("seats", "hours", "place") if known[key] != getattr(programme, key)]
                return step(NOTHING, f"ouverte autrement · opened otherwise: {', '.join(other)}" if other else "")
        return step(CREATE)

    async def _open_session(self, programme: Programme) -> None:
        provider = self.client_of(programme.provider, programme.client)
        assert provider is not None  # made a step before
        body = programme.model_dump(mode="json", exclude={"provider", "client"})
        body["starts_at"] = programme.starts_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        same = "\n".join((programme.provider, programme.title, programme.commune, body["starts_at"]))
        key = f"territory-{hashlib.sha256(same.encode()).hexdigest()[:40]}"
        await provider.post(f"{self.training}/sessions", body, headers={"idempotency-key": key})

    async def _delete(self, url: str) -> None:
        answer = await self.operator.call("DELETE", url)
        if answer.status_code != 404:
            check(answer)


def body_of(wanted: Organisation) -> dict[str, Any]:
    """Return what `PUT /organisations/{code}` takes."""
    return {
        **{key: getattr(wanted, key) for key in ("name", "kind", "phone", "postal_address", "email", "sandbox")},
        "territory": territory_of(wanted),
        **({} if wanted.event_types is None else {"event_types": types_of(wanted)}),
    }
