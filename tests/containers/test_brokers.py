"""Three brokers: one that dies in the middle of the journey changes nothing of its end."""

from __future__ import annotations

import asyncio

import pytest
from tests.containers.composed import ComposedStack, docker

from maillage.testing.journey import Journey

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(1800), pytest.mark.usefixtures("images")]


async def test_a_broker_of_three_killed_during_the_journey_changes_nothing() -> None:
    with ComposedStack.fresh("brokers.env") as stack:
        stack.start()
        expected = await Journey(stack).play()

        journey = Journey(stack)
        playing = asyncio.create_task(journey.play(expected))
        while not journey.accompaniment_id and not playing.done():
            await asyncio.sleep(0.02)
        await asyncio.to_thread(docker, "kill", f"{stack.project}-kafka-2-1")
        end = await playing
        state = docker("inspect", "--format", "{{.State.Running}}", f"{stack.project}-kafka-2-1").stdout.strip()

    assert end == expected
    assert end["waiting"] == {}
    assert state == "false", "the broker stayed dead until the end"
