"""A disk that is full, a primary that is gone, and a broker out of three: on servers of each trial's own."""

from __future__ import annotations

import asyncio

from tests.faults.brokers import Brokers
from tests.faults.engine import Scenario
from tests.faults.grounds import (
    Replicated,
    SmallDisk,
    ThreeBrokers,
    empty,
    fill,
    no_loop_disk,
    on_a_small_disk,
    on_three_brokers,
    with_a_standby,
)
from tests.faults.pipeline import Pipeline
from tests.faults.rig import through
from tests.faults.writer import Workload

LEFT_BYTES = 128 * 1024
"""Room for a page or two: the next growth of a table fails."""


async def disk_full(p: Pipeline) -> None:
    """Fill the database's disk under load, and give the room back."""
    rig = p.rig
    assert isinstance(rig, SmallDisk)
    assert rig.postgres.process is not None
    await p.consumer()
    await p.relay()
    async with p.writing(Workload(pause_seconds=0.005), writers=3):
        await p.flowing(30)
        fill(rig.disk, LEFT_BYTES)
        before = sum(writer.unknown for writer in p.writers)
        deadline = asyncio.get_running_loop().time() + 60
        while sum(writer.unknown for writer in p.writers) == before:
            assert asyncio.get_running_loop().time() < deadline, "the disk was never full"
            await asyncio.sleep(0.05)
        await asyncio.sleep(p.chance.uniform(0, p.seconds(10)))
        p.injected += 1
        empty(rig.disk)
        if not rig.postgres.process.alive:
            # Without room for its log PostgreSQL ends; whoever supervises it starts it again.
            rig.postgres.process.start()
        p.heal()


async def standby_promoted(p: Pipeline) -> None:
    """End the primary at once and promote the standby; everybody finds it at the same address."""
    rig = p.rig
    assert isinstance(rig, Replicated)
    await p.through_proxies(postgres=True)
    assert p.postgres is not None
    await p.consumer()
    await p.relay()
    async with p.writing(writers=3):
        await p.flowing(100)
        await asyncio.sleep(p.chance.uniform(0, 0.5))
        p.postgres.refusing = True
        port = await rig.fail_over()
        p.dsn = through(p.dsn, port)
        p.postgres.target = port
        p.postgres.cut_all()
        p.postgres.refusing = False
        p.injected += 1
        p.heal()


async def brokers_lost(p: Pipeline) -> None:
    """Kill the broker that leads, or the group's coordinator, and let leaders move back; then let two stand still.

    With one of three gone events go on; with two nothing may be acknowledged.
    """
    rig = p.rig
    assert isinstance(rig, ThreeBrokers)
    brokers = rig.brokers
    assert brokers is not None
    await p.consumer()
    await p.relay()
    async with p.writing():
        await p.flowing(30)
        for n in range(p.rounds(4)):
            dead = await asyncio.to_thread(
                *((brokers.leader_of, p.topic, n % 3) if n % 2 else (brokers.coordinator_of, f"testing-{p.topic}"))
            )
            brokers.kill(dead)
            p.injected += 1
            await p.flowing(30, seconds=60)
            brokers.start(dead)
            await asyncio.to_thread(brokers.all_here)
            await asyncio.to_thread(brokers.lead_as_preferred)
            await p.flowing(10, seconds=60)
            await _two_stand_still(p, brokers)
        p.heal()


async def _two_stand_still(p: Pipeline, brokers: Brokers) -> None:
    still = p.chance.sample(range(3), 2)
    for n in still:
        brokers.pause(n)
    p.injected += 1
    await asyncio.sleep(p.chance.uniform(1, 1 + p.seconds(7)))
    for n in still:
        brokers.go_on(n)
    await p.flowing(30, seconds=60)


SCENARIOS = (
    Scenario(
        "R15",
        "disk of PostgreSQL full",
        disk_full,
        bound_seconds=60,
        needs=no_loop_disk,
        ground=on_a_small_disk,
        exclusive=True,
        table=(20, 1.0),
    ),
    Scenario(
        "R5",
        "primary lost, standby promoted",
        standby_promoted,
        bound_seconds=60,
        ground=with_a_standby,
        exclusive=True,
        table=(20, 1.0),
    ),
    Scenario(
        "R6d",
        "three brokers: leader or coordinator killed, led back; two standing still",
        brokers_lost,
        bound_seconds=120,
        ground=on_three_brokers,
        exclusive=True,
        only_long=True,
        table=(25, 1.0),
    ),
)
