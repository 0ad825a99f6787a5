"""The demonstration, played once: an association refers a made-up person, the right council answers, live.

Each line is printed when its event really arrives where that organisation looks for it, with the time since the act
that caused it. It is played through the public APIs only, and remembered in the data folder.
"""

from __future__ import annotations

import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError

from maillage.api import Client, http_client
from maillage.demo import Demo, Seed
from maillage.errors import Refusal
from maillage.progress import Progress
from maillage.secrets import Secrets
from maillage.settings import LocalSettings
from maillage.watching import FeedWatch, TopicWatch

MONTREUIL = "93048"
REFERRAL = {
    "commune": MONTREUIL,
    "person": {
        "first_name": "Camille",
        "last_name": "Exemple",
        "birth_date": "1990-05-17",
        "phone": "01 99 00 12 34",
        "email": "camille@example.org",
        "address": "2 rue de l'Exemple, 93100 Montreuil",
    },
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
}


async def play(settings: LocalSettings, secrets: Secrets, progress: Progress, *, again: bool = False) -> None:
    """Make the organisations, then play the story unless it was played before; refuse where a step does not come."""
    demo = Demo.load(settings)
    async with http_client() as http:
        seed = Seed(settings, secrets, http, demo)
        await seed.run()
        demo.save()
        progress.step(f"{len(demo.organisations)} organisations de démonstration en place · demo organisations")
        if demo.story is not None and not again:
            progress.step(f"L'histoire a déjà été jouée le {demo.story['played_at']} · the story was played before")
            return
        try:
            async with AsyncExitStack() as open_until_end:
                scene = await _open_scene(settings, seed, demo, open_until_end)
                referral_id = await Story(scene, settings.url_of("referrals"), progress).play()
        except KafkaError as error:
            raise Refusal(
                f"La lecture du sujet Kafka d'un département a échoué ({type(error).__name__}) · reading Kafka failed",
                "maillage doctor",
            ) from None
    demo.story = {"referral_id": referral_id, "played_at": time.strftime("%d/%m/%Y à %H:%M")}
    demo.save()


@dataclass(frozen=True, slots=True)
class Scene:
    """Who acts, and where each of them looks."""

    association: Client
    council: Client
    neighbour: Client
    association_feed: FeedWatch
    council_feed: FeedWatch
    neighbour_feed: FeedWatch
    council_topic: TopicWatch
    neighbour_topic: TopicWatch


async def _open_scene(settings: LocalSettings, seed: Seed, demo: Demo, stack: AsyncExitStack) -> Scene:
    clients = {code: seed.client(code) for code in demo.organisations}
    feeds = {code: FeedWatch(client, f"{settings.url_of('partners')}/feed") for code, client in clients.items()}
    topics = {code: TopicWatch(demo.organisations[code]["kafka"], "demonstration") for code in ("cd93", "cd94")}
    watches: list[FeedWatch | TopicWatch] = [*feeds.values(), *topics.values()]
    for watch in watches:
        stack.push_async_callback(watch.close)
        await watch.open()
    return Scene(
        clients["asso1"],
        clients["cd93"],
        clients["cd94"],
        feeds["asso1"],
        feeds["cd93"],
        feeds["cd94"],
        topics["cd93"],
        topics["cd94"],
    )


class Story:
    """The steps, in order."""

    def __init__(self, scene: Scene, referrals_url: str, progress: Progress) -> None:
        self._scene = scene
        self._url = f"{referrals_url}/referrals"
        self._progress = progress
        self._referral_id = ""

    async def play(self) -> str:
        """Play every step and return the referral's id."""
        line = self._progress.line
        line()
        line("  L'histoire, avec une personne inventée · the story, with a made-up person")
        await self._submit()
        for command, fact, french, english in (
            ("receipt", "received", "Le département 93 accuse réception", "receipt acknowledged"),
            ("review", "review_started", "Le département 93 étudie la demande", "under review"),
            ("acceptance", "accepted", "Le département 93 accepte", "accepted"),
        ):
            start = time.monotonic()
            await self._scene.council.post(f"{self._url}/{self._referral_id}/{command}")
            at, _ = await self._scene.association_feed.arrival(
                self._is(f"referral.{fact}.v1"), f"L'événement {fact} dans le fil de l'association"
            )
            self._tell(at - start, french, f"{english}, seen in the association's feed")
        await self._neighbour_sees_nothing()
        await self._timeline()
        line()
        return self._referral_id

    async def _submit(self) -> None:
        scene = self._scene
        start = time.monotonic()
        answer = await scene.association.post(
            self._url, REFERRAL, headers={"Idempotency-Key": f"demonstration-{uuid.uuid4()}"}
        )
        self._referral_id = str(answer["referral_id"])
        self._tell(
            time.monotonic() - start, "L'association oriente Camille Exemple, à Montreuil", "referral answered 201"
        )
        at, event = await scene.council_feed.arrival(
            self._is("referral.submitted.v1"), "L'orientation dans le fil du département 93"
        )
        self._tell(at - start, "Le département 93 la voit dans son fil", "seen in the council's feed")
        at = await scene.council_topic.arrival(event["id"], "L'orientation dans le sujet Kafka du département 93")
        self._tell(at - start, "… et dans son propre sujet Kafka", "and in its own Kafka topic, same event id")
        at, _ = await scene.association_feed.arrival(
            self._is("person.identified.v1"), "L'identification de la personne"
        )
        self._tell(at - start, "L'inscription reconnaît ou pré-inscrit la personne", "person identified")

    async def _neighbour_sees_nothing(self) -> None:
        scene = self._scene
        shown = [event for _, event in scene.neighbour_feed.seen if self._is("")(event)]
        page = await scene.neighbour.call("GET", f"{self._url}/{self._referral_id}")
        records = await scene.neighbour_topic.count()
        if shown or records or page.status_code != 404:
            raise Refusal(
                "Le département 94 voit une orientation qui n'est pas la sienne · the other council sees the referral",
                "arrêtez tout (maillage down) et signalez-le : c'est une faute grave",
            )
        self._progress.line(
            "             Le département 94 ne voit rien : fil vide, sujet vide, 404 · nothing for the other council"
        )

    async def _timeline(self) -> None:
        document = await self._scene.association.get(f"{self._url}/{self._referral_id}")
        steps = " → ".join(STATUS_WORDS.get(entry["status"], entry["status"]) for entry in document["history"])
        self._progress.line(f"             Suivi de l'association : {steps} · the association's timeline")

    def _is(self, type_end: str) -> Any:
        return lambda event: (
            event["type"].endswith(type_end) and event.get("data", {}).get("referral_id") == self._referral_id
        )

    def _tell(self, duration: float, french: str, english: str) -> None:
        self._progress.line(f"  {duration * 1000:6.0f} ms  {french} · {english}")
