"""Journey 1 through HTTP and real Kafka, undisturbed and with every service killed on the way: the end is the same."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from typing import Any

import pytest

from chassis.ids import new_id
from maillage.testing.journey import Journey
from maillage.testing.running import RunningStack

SERVICES = ("registration", "referrals", "training", "notifications", "partners", "portal")
JOURNEY_SECONDS = 6.0
"""About what the journey takes undisturbed on two cores: kills are spread over it."""


def kills(seed: str) -> list[tuple[float, str]]:
    """Return when each service is killed, in seconds after the journey's start: once each, in any order."""
    chosen = random.Random(seed)
    return sorted((chosen.uniform(0, JOURNEY_SECONDS), name) for name in SERVICES)


async def kill(stack: RunningStack, plan: list[tuple[float, str]], killed: list[str]) -> None:
    """Carry out the plan: SIGKILL, no warning; the supervisor starts each again."""
    passed = 0.0
    for at, name in plan:
        await asyncio.sleep(at - passed)  # the instant is what is tried here, not a condition
        passed = at
        pid = await asyncio.to_thread(stack.pid, name)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.append(name)


def differences(end: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Return what is one way in one end state and another way in the other, and nothing else."""
    return {
        name: {"missing": was - now, "more": now - was} if isinstance(was, Counter) else {"is": now, "was": was}
        for name, was in expected.items()
        if (now := end[name]) != was
    }


@pytest.mark.fault
@pytest.mark.timeout(300)
async def test_the_end_is_the_same_when_every_service_is_killed_on_the_way(stack: RunningStack) -> None:
    seed = os.environ.get("MAILLAGE_TEST_SEED") or new_id().hex[-8:]
    print(f"MAILLAGE_TEST_SEED={seed} {kills(seed)}")  # noqa: T201  # to replay the trial
    expected = await Journey(stack).play()

    killed: list[str] = []
    disturbing = asyncio.create_task(kill(stack, kills(seed), killed))
    try:
        end = await Journey(stack).play(expected)
    finally:
        await disturbing

    assert sorted(killed) == sorted(SERVICES), "every service died"
    assert differences(end, expected) == {}, seed
    assert end["waiting"] == {}


async def test_the_journey_leaves_what_everybody_was_promised(stack: RunningStack) -> None:
    journey = Journey(stack)
    end = await journey.play()

    assert end["referral"] == "accepted"
    assert end["accompaniment"] == [("active", "confirmed")] * 2
    assert end["appointment"] == ("booked", 1)
    assert end["tiers"] == ["joint"]
    for step in (
        "submitted", "identified", "received", "under_review", "accepted", "accompaniment_proposed",
        "accompaniment_accepted", "accompaniment_active", "appointment_proposed", "appointment_booked",
        "appointment_postponed", "enrolment_requested", "enrolment_seat_held", "enrolment_confirmed",
    ):  # fmt: skip
        assert step in end["history"], step
    assert end["history"].count("appointment_booked") == 2
    assert end["streams"]["cd94"] == {}, "the neighbour is told nothing"
    assert "fr.maillage.registration.person.tier_changed.v1" not in end["streams"]["asso1"]
    assert set(end["streams"]["of93"]) == {
        f"fr.maillage.training.enrolment.{fact}.v1" for fact in ("requested", "seat_held", "confirmed")
    }
    assert end["mails"]
    assert end["sms"]
    assert not any("exhausted" in state for _, state in end["notices"])
