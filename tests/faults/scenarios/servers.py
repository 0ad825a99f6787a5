"""The servers themselves: PostgreSQL stopped at once, Kafka killed or standing still, and everything at random."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.children import Child
from tests.faults.engine import Scenario
from tests.faults.pipeline import Pipeline
from tests.faults.rig import Rig
from tests.faults.writer import Workload


def own_postgres(rig: Rig) -> str | None:
    """Say why PostgreSQL cannot be hurt here."""
    return None if rig.postgres.process is not None else "PostgreSQL is not ours to stop (MAILLAGE_TEST_STACK=external)"


def own_kafka(rig: Rig) -> str | None:
    """Say why Kafka cannot be hurt here."""
    return None if rig.kafka.process is not None else "Kafka is not ours to stop (MAILLAGE_TEST_STACK=external)"


async def postgres_stopped_at_once(p: Pipeline) -> None:
    """Stop PostgreSQL without a checkpoint and start it again, under load."""
    assert p.rig.postgres.process is not None
    await p.consumer()
    await p.relay()
    async with p.writing(writers=3):
        for _ in range(p.rounds(3)):
            await p.flowing(10)
            await asyncio.sleep(p.chance.uniform(0, 0.3))
            p.rig.postgres.process.stop()
            p.injected += 1
            await asyncio.sleep(p.chance.uniform(0, p.seconds(2)))
            p.rig.postgres.process.start()
        p.heal()


async def kafka_standing_still(p: Pipeline) -> None:
    """Stop the broker as a long pause of its machine does, then let it go on."""
    assert p.rig.kafka.process is not None
    await p.consumer()
    await p.relay()
    async with p.writing():
        for _ in range(p.rounds(2)):
            await p.flowing(10)
            p.rig.kafka.process.pause()
            try:
                p.injected += 1
                await asyncio.sleep(p.chance.uniform(1, 2 + p.seconds(10)))
            finally:
                p.rig.kafka.process.go_on()
        p.heal()


async def kafka_killed(p: Pipeline) -> None:
    """Kill the broker, leave it down for a while, start it on its data."""
    assert p.rig.kafka.process is not None
    await p.consumer()
    await p.relay()
    async with p.writing():
        await p.flowing(10)
        p.rig.kafka.process.kill()
        p.injected += 1
        await asyncio.sleep(p.chance.uniform(0, p.seconds(p.seconds(20))))
        # From the loop's own thread: a child's death signal follows the thread that started it.
        p.rig.kafka.process.start()
        p.heal()


async def anything(p: Pipeline) -> None:
    """Hurt something every second or so, for as long as the trial's effort says (a whole one: 30 s)."""
    await p.through_proxies(kafka=True, postgres=True)
    assert p.kafka is not None
    assert p.postgres is not None
    children: dict[str, Child] = {"relay": await p.relay(), "standby": await p.relay(), "0": await p.consumer()}

    async def kill() -> None:
        name = p.chance.choice(sorted(children))
        children[name].kill()
        await children[name].ended(5)
        children[name] = await (p.consumer() if name == "0" else p.relay())
        p.injected += 1

    async def pause() -> None:
        victim = p.chance.choice([children[name] for name in sorted(children)])
        victim.signal(signal.SIGSTOP)
        await asyncio.sleep(p.chance.uniform(0.1, p.seconds(4)))
        victim.signal(signal.SIGCONT)
        p.injected += 1

    async def cut() -> None:
        p.chance.choice([one for one in (p.kafka, p.postgres) if one is not None]).cut_all()

    async with p.writing(Workload(pause_seconds=0.02), writers=2):
        await p.flowing(10)
        until = asyncio.get_running_loop().time() + 30 * p.effort
        while asyncio.get_running_loop().time() < until:
            await p.chance.choice((kill, pause, cut))()
            await asyncio.sleep(p.chance.uniform(0.1, p.seconds(2)))
        p.heal()


SCENARIOS = (
    Scenario(
        "R4",
        "PostgreSQL stopped at once",
        postgres_stopped_at_once,
        exclusive=True,
        needs=own_postgres,
        table=(25, 1.0),
    ),
    Scenario(
        "R6",
        "Kafka standing still",
        kafka_standing_still,
        bound_seconds=60,
        exclusive=True,
        needs=own_kafka,
        table=(30, 1.0),
    ),
    Scenario(
        "R6b",
        "Kafka killed and started",
        kafka_killed,
        bound_seconds=90,
        exclusive=True,
        only_long=True,
        needs=own_kafka,
        table=(25, 1.0),
    ),
    Scenario("R20", "anything, every second", anything, bound_seconds=90, table=(5, 60.0)),
)
