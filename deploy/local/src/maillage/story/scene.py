"""Who acts in the demonstration, where each of them looks, and how what happened is told."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from maillage.api import Client, check
from maillage.demo import Demo, Seed
from maillage.progress import Progress
from maillage.settings import LocalSettings
from maillage.watching import FeedWatch, TopicWatch, in_time

TOPICS = ("cd93", "cd94")
LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Scene:
    """Clients and feeds by organisation code, own Kafka topics of both councils, and the addresses of the services."""

    settings: LocalSettings
    http: httpx.AsyncClient
    clients: Mapping[str, Client]
    feeds: Mapping[str, FeedWatch]
    topics: Mapping[str, TopicWatch]
    caught_before: frozenset[str]
    """Message ids of what an earlier play left in the catcher: the person's address is the same each time."""

    def url(self, service: str, path: str) -> str:
        """Return the address of a route."""
        return f"{self.settings.operations_url_of(service)}{path}"

    async def caught(self, kind: str) -> list[dict[str, Any]]:
        """Return the e-mails (`mail`) or text messages (`sms`) of this play that were caught, the newest first."""
        return [one for one in await _caught(self.http, self.settings, kind) if one["id"] not in self.caught_before]


async def open_scene(
    settings: LocalSettings, seed: Seed, demo: Demo, http: httpx.AsyncClient, until_end: AsyncExitStack
) -> Scene:
    """Stand at the end of every feed and topic, all at once."""
    clients = {code: seed.client(code) for code in demo.organisations}
    feeds = {
        code: FeedWatch(client, f"{settings.operations_url_of('partners')}/feed") for code, client in clients.items()
    }
    topics = {code: TopicWatch(_access(settings, demo, code), "demonstration") for code in TOPICS}
    watches: list[FeedWatch | TopicWatch] = [*feeds.values(), *topics.values()]
    for watch in watches:
        until_end.push_async_callback(watch.close)
    await asyncio.gather(*(watch.open() for watch in watches))
    before = [one["id"] for kind in ("mail", "sms") for one in await _caught(http, settings, kind)]
    return Scene(settings, http, clients, feeds, topics, frozenset(before))


def _access(settings: LocalSettings, demo: Demo, code: str) -> dict[str, Any]:
    access: dict[str, Any] = demo.organisations[code]["kafka"]
    return {**access, "bootstrap": settings.kafka_partner_inside or access["bootstrap"]}


async def _caught(http: httpx.AsyncClient, settings: LocalSettings, kind: str) -> list[dict[str, Any]]:
    document = check(await http.get(f"{settings.desk_inside}/{kind}.json"))
    return list(document["items"])


class Told:
    """The story as it is told: one referral, its clock, and lines on the terminal."""

    def __init__(self, scene: Scene, progress: Progress) -> None:
        self.scene = scene
        self.progress = progress
        self.referral_id = ""
        self._since = time.monotonic()

    async def act(self, code: str, service: str, path: str, body: Any = None) -> dict[str, Any]:
        """Let an organisation do something, and start the clock of what follows from it."""
        self._since = time.monotonic()
        answer = await self.scene.clients[code].post(self.scene.url(service, path), body, headers=self.key())
        return dict(answer or {})

    def key(self) -> dict[str, str]:
        """Return the header of an act that is done once, whatever is sent twice."""
        return {"Idempotency-Key": f"demonstration-{uuid.uuid4()}"}

    async def arrival(self, code: str, fact: str, french: str, english: str) -> dict[str, Any]:
        """Wait for a fact of this story in an organisation's feed, and tell when it came."""
        at, event = await self.scene.feeds[code].arrival(self.is_(f"{fact}.v1"), f"{fact} dans le fil de {code}")
        self.line(at - self._since, french, english)
        return event

    def is_(self, type_end: str) -> Callable[[dict[str, Any]], bool]:
        """Return the test for events of this story whose type ends so."""
        return lambda event: (
            event["type"].endswith(type_end) and event.get("data", {}).get("referral_id") == self.referral_id
        )

    def since_act(self, at: float | None = None) -> float:
        """Return the seconds since the last act, now or at a moment of the monotonic clock."""
        return (time.monotonic() if at is None else at) - self._since

    def restart(self) -> None:
        """Start the clock: somebody outside the organisations acts now."""
        self._since = time.monotonic()

    def line(self, duration: float, french: str, english: str) -> None:
        """Tell a step and how long it took."""
        self.progress.line(f"  {duration * 1000:6.0f} ms  {french} · {english}")

    def remark(self, text: str) -> None:
        """Tell something that took no time."""
        self.progress.line(f"             {text}")

    async def eventually(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        """Return the first answer of `look` that says something, or refuse naming what did not come."""

        async def wait() -> Any:
            while True:
                if found := await look():
                    return found
                await asyncio.sleep(LOOK_SECONDS)

        return await in_time(wait(), what)
