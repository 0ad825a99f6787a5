"""What people do goes on while a part is down, and everything arrives after."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil
import pytest

from maillage.testing.acts import feed_until, of_referral, refer, rows
from maillage.testing.running import RunningStack

pytestmark = pytest.mark.fault


async def keep_down(stack: RunningStack, part: str, seconds: float) -> None:
    """Kill a part, and whatever the supervisor starts in its place, until the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pid = stack.pid(part)
        if pid and psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.2)


@pytest.mark.timeout(180)
async def test_referrals_are_taken_while_the_broker_is_down_and_all_arrive_after(stack: RunningStack) -> None:
    """The broker is killed for 10 s at 50 submissions a second."""
    ids: list[str] = []
    statuses: list[float] = []

    async with stack.client("asso1", "referrals") as association:

        async def one() -> None:
            started = time.monotonic()
            ids.append((await refer(association))["referral_id"])
            statuses.append(time.monotonic() - started)

        outage = asyncio.create_task(keep_down(stack, "kafka", 10))
        submissions = []
        while not outage.done():
            submissions.append(asyncio.create_task(one()))
            await asyncio.sleep(0.02)
        await asyncio.gather(outage, *submissions)

    # Some five hundred; how many fit into ten seconds is the machine's affair.
    assert len(ids) == len(submissions) > 100, "every submission was answered 201"
    events = await feed_until(
        stack, "cd93", lambda found: {e["data"].get("referral_id") for e in found} >= set(ids), timeout_seconds=90
    )
    submitted = [e["data"]["referral_id"] for e in events if e["type"].endswith("referral.submitted.v1")]
    assert sorted(i for i in submitted if i in set(ids)) == sorted(ids), "each exactly once in the stream"
    print(f"{len(ids)} submissions during the outage, slowest {max(statuses):.2f} s")  # noqa: T201  # for the reader


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_a_claim_check_that_nobody_answers_for_30_s_parks_nothing(stack: RunningStack) -> None:
    os.kill(stack.pid("registration"), signal.SIGSTOP)
    try:
        async with stack.client("asso1", "referrals") as association:
            ids = [(await refer(association))["referral_id"] for _ in range(5)]
        await feed_until(stack, "cd93", lambda found: {e["data"].get("referral_id") for e in found} >= set(ids))
        down = asyncio.create_task(keep_down(stack, "referrals", 30))
        await asyncio.sleep(0.5)
    finally:
        os.kill(stack.pid("registration"), signal.SIGCONT)
    await down

    await feed_until(
        stack,
        "asso1",
        lambda found: all("registration.person.identified" in of_referral(found, one) for one in ids),
        timeout_seconds=60,
    )
    assert await rows(stack, "registration", "SELECT cause FROM dead_letters") == []
