"""Relays that die, stand still and come back, several at once, and writers that keep their transactions open."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.engine import Scenario
from tests.faults.pipeline import Pipeline
from tests.faults.writer import Workload

POINTS = (
    "relay.leased",
    "relay.selected",
    "relay.sent",
    "relay.confirmed",
    "relay.acknowledged",
    "relay.deleted",
)
PASSES_MAX = 5
HELD = Workload(subjects=3, events_max=3, pause_seconds=0, held_seconds=0.06, rolled_back_share=0.1)
LEASE_LOST = "relay_lease_lost"


async def killed_at_points(p: Pipeline) -> None:
    """Kill it at named points, one relay after another."""
    await p.consumer()
    async with p.writing():
        for point in p.chance.sample(POINTS, p.rounds(len(POINTS))):
            passes = 1 if point == "relay.leased" else p.chance.randint(1, PASSES_MAX)
            await p.dies(await p.relay(faults=f"{point}:{passes}"))
        await p.relay()
        p.heal()


async def killed_at_random(p: Pipeline) -> None:
    """Kill it at instants that nobody chose."""
    await p.consumer()
    async with p.writing():
        for _ in range(p.rounds(6)):
            await p.killed_after(await p.relay(), 0.8)
        await p.relay()
        p.heal()


async def stopped_and_continued(p: Pipeline) -> None:
    """Stop the one that holds the lease, at a named point, and continue it once another has taken over."""
    await p.consumer()
    async with p.writing(Workload(pause_seconds=0.03)):
        point = p.chance.choice(("relay.selected", "relay.sent", "relay.confirmed", "relay.acknowledged"))
        zombie = await p.relay(faults=f"{point}:{p.chance.randint(2, PASSES_MAX)}:stop")
        await p.stands_still(zombie)
        await p.relay()
        await p.flowing(60)
        zombie.signal(signal.SIGCONT)
        p.heal()
        await asyncio.sleep(0.5)


async def several_at_once(p: Pipeline) -> None:
    """Start some at once and hurt none: one sends, and each event leaves once."""
    await p.consumer()
    relays = [await p.relay() for _ in range(p.chance.randint(2, 4))]
    async with p.writing(writers=2):
        await p.flowing(p.rounds(600))
    p.injected += len(relays) - 1
    p.heal()
    # A machine so busy that a session was silent for three seconds has handed the lease over, as it must.
    p.repeats_allowed = any(LEASE_LOST in relay.said() for relay in relays)


async def several_with_kills(p: Pipeline) -> None:
    """Kill one of three now and then: whoever stands by takes over."""
    await p.consumer()
    relays = [await p.relay() for _ in range(3)]
    async with p.writing(writers=2):
        for _ in range(p.rounds(6)):
            victim = relays.pop(p.chance.randrange(len(relays)))
            await p.killed_after(victim, 0.6)
            relays.append(await p.relay())
        p.heal()


async def transactions_held(p: Pipeline) -> None:
    """Let many writers commit late: a later position is visible before an earlier one."""
    await p.consumer()
    await p.relay()
    async with p.writing(HELD, writers=6):
        await p.flowing(p.rounds(600))
    p.injected += sum(writer.commands for writer in p.writers)
    p.heal()


SCENARIOS = (
    Scenario("R1", "relay killed at a named point", killed_at_points, table=(150, 1.0)),
    Scenario("R1b", "relay killed at random", killed_at_random, only_long=True, table=(150, 1.0)),
    Scenario(
        "R9b", "relay stopped past its lease, then continued", stopped_and_continued, bound_seconds=40, table=(50, 1.0)
    ),
    Scenario("R10", "2 to 4 relays at once, none hurt", several_at_once, table=(50, 167.0)),
    Scenario("R10b", "3 relays, one killed now and then", several_with_kills, only_long=True),
    Scenario("R11", "writers holding their transactions", transactions_held, table=(20, 34.0)),
)
