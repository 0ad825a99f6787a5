"""Consumers that die in mid-batch, stand still past their session, join and leave, and have another time of day."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.faults.engine import Scenario
from tests.faults.pipeline import Pipeline
from tests.faults.writer import Workload

POINTS = ("consumer.claimed", "consumer.before_commit", "consumer.committed", "consumer.acknowledged")
SESSION_MS = "6000"
"""The shortest that a broker accepts by default."""

HOUR = 3600.0
AHEAD = 2 * HOUR
"""Past what Kafka takes from a writer who dates records itself (message.timestamp.after.max.ms, an hour)."""


async def killed_at_points(p: Pipeline) -> None:
    """Kill it at named points of a batch."""
    await p.relay()
    async with p.writing():
        for point in p.chance.sample(POINTS, p.rounds(len(POINTS))):
            await p.dies(await p.consumer(faults=f"{point}:{p.chance.randint(1, 4)}"))
        await p.consumer()
        p.heal()


async def killed_at_random(p: Pipeline) -> None:
    """Kill it at instants that nobody chose."""
    await p.relay()
    async with p.writing():
        for _ in range(p.rounds(6)):
            await p.killed_after(await p.consumer(), 0.8)
        await p.consumer()
        p.heal()


async def stopped_past_its_session(p: Pipeline) -> None:
    """Stop it in a batch until another has its partitions, then let it go on with what it had in hand."""
    await p.relay()
    async with p.writing(Workload(pause_seconds=0.03)):
        point = p.chance.choice(POINTS)
        faults = f"{point}:{p.chance.randint(2, 4)}:stop"
        zombie = await p.consumer(faults=faults, MAILLAGE_TEST_SESSION_MS=SESSION_MS)
        await p.stands_still(zombie)
        await p.consumer(instance="1", MAILLAGE_TEST_SESSION_MS=SESSION_MS)
        await p.flowing(60, seconds=40)
        zombie.signal(signal.SIGCONT)
        p.heal()
        await asyncio.sleep(1)


async def joining_and_leaving(p: Pipeline) -> None:
    """Let members come and go: by SIGTERM, and by kill -9 under an instance's name that comes back."""
    await p.relay()
    members = {str(n): await p.consumer(instance=str(n)) for n in range(2)}
    async with p.writing():
        await p.flowing(20)
        for n in range(p.rounds(10)):
            instance = p.chance.choice(sorted(members))
            members[instance].signal(p.chance.choice((signal.SIGTERM, signal.SIGKILL)))
            await members[instance].ended(8)
            members[instance] = await p.consumer(instance=instance)
            if p.chance.random() < 0.5:
                members[f"{n + 2}"] = await p.consumer(instance=f"{n + 2}")
            p.injected += 1
            await asyncio.sleep(p.chance.uniform(0.2, p.seconds(2)))
        p.heal()


async def wrong_clocks(p: Pipeline) -> None:
    """Move the clocks of relay and consumer by an hour and more, apart and backwards, while both work."""
    files = [p.folder / "relay-clock", p.folder / "consumer-clock"]
    await p.relay(MAILLAGE_CLOCK_FILE=str(files[0]))
    await p.consumer(MAILLAGE_CLOCK_FILE=str(files[1]))
    async with p.writing():
        _set(files[0], AHEAD)
        p.injected += 1
        await p.flowing(20)
        for _ in range(p.rounds(12)):
            _set(p.chance.choice(files), p.chance.choice((AHEAD, HOUR, -HOUR, 0.0, -1.0, 61.0)))
            p.injected += 1
            await p.flowing(20)
    p.heal()


def _set(file: Path, seconds: float) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(f"{seconds}\n", encoding="ascii")
    draft.replace(file)


SCENARIOS = (
    Scenario("R2", "consumer killed at a named point of its batch", killed_at_points, table=(150, 1.0)),
    Scenario("R2b", "consumer killed at random", killed_at_random, only_long=True, table=(150, 1.0)),
    Scenario(
        "R9",
        "consumer stopped past its session, then continued",
        stopped_past_its_session,
        bound_seconds=60,
        table=(50, 1.0),
    ),
    Scenario("R13", "consumers joining and leaving", joining_and_leaving, bound_seconds=60, table=(20, 15.0)),
    Scenario("R16", "clocks hours apart, stepping back", wrong_clocks, table=(10, 1.0)),
)
