"""The demonstration, played once: a made-up person is referred, accompanied by two organisations, and given a seat.

Each line is printed when its event really arrives where that organisation looks for it, with the time since the act
that caused it. It is played through the public APIs only, and remembered in the data folder.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

from aiokafka.errors import KafkaError

from maillage.api import Client, http_client
from maillage.demo import Demo, Seed
from maillage.demo_posts import add_posts
from maillage.errors import Refusal
from maillage.progress import Progress
from maillage.secrets import Secrets
from maillage.settings import LocalSettings
from maillage.story.messages import Messages
from maillage.story.orientation import Orientation
from maillage.story.scene import Told, open_scene
from maillage.story.seat import Seat
from maillage.story.together import Together

__all__ = ["play"]


async def play(settings: LocalSettings, secrets: Secrets, progress: Progress, *, again: bool = False) -> None:
    """Make the organisations, then play the story unless it was played before; refuse where a step does not come."""
    demo = Demo.load(settings)
    async with http_client() as http:
        seed = Seed(settings, secrets, http, demo)
        await seed.run()
        secret = secrets.client_secret_file("operator").read_text(encoding="utf-8").strip()
        partners = settings.operations_url_of("partners")
        await add_posts(Client(http, f"{partners}/oauth/token", "operator", secret), partners)
        demo.save()
        progress.step(f"{len(demo.organisations)} organisations de démonstration en place · demo organisations")
        if demo.story is not None and not again:
            progress.step(f"L'histoire a déjà été jouée le {demo.story['played_at']} · the story was played before")
            return
        try:
            async with AsyncExitStack() as open_until_end:
                scene = await open_scene(settings, seed, demo, http, open_until_end)
                told = Told(scene, progress)
                # Played again, it is about somebody else: the first person is accompanied already.
                await _tell(told, "Exemple" if demo.story is None else f"Exemple {time.strftime('%d%m%H%M%S')}")
        except KafkaError as error:
            raise Refusal(
                f"La lecture du sujet Kafka d'un département a échoué ({type(error).__name__}) · reading Kafka failed",
                "maillage doctor",
            ) from None
    demo.story = {"referral_id": told.referral_id, "played_at": time.strftime("%d/%m/%Y à %H:%M")}
    demo.save()


async def _tell(told: Told, last_name: str) -> None:
    told.progress.line()
    told.progress.line("  L'histoire, avec une personne inventée · the story, with a made-up person")
    orientation = Orientation(told, last_name)
    await orientation.play()
    together = Together(told)
    await together.play()
    await Seat(told, together.accompaniment_id).play()
    await Messages(told).play()
    await orientation.timeline()
    told.progress.line()
