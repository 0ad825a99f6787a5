"""Three consumers of a group are restarted one after the other, as a new version is rolled out, under load.

The moments of effects are those at which PostgreSQL wrote them, since a process that was restarted cannot tell.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import asyncpg
from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric
from tests.load.measures.pipeline import ANSWER_SECONDS, command_steadily, latencies
from tests.load.rig import Rig
from tests.load.sizes import Sizes

MEMBERS = 3
SETTLED_SECONDS = 60.0


class Member:
    """One consumer of the group."""

    def __init__(self, rig: Rig, module: str, **config: Any) -> None:
        self._rig = rig
        self._module = module
        self._config = config
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Start it and have it join."""
        arm = await self._running.enter_async_context(self._rig.arm(self._module, **self._config))
        await arm.send("go")

    async def stop(self) -> None:
        """Have it finish what it holds, and leave."""
        await self._running.aclose()


async def _measure(rig: Rig, sizes: Sizes, *, module: str, is_static: bool = True) -> Figures:
    count = round(sizes.latency_rate * sizes.restart_seconds)
    async with rig.database() as dsn, rig.database() as effects, rig.topic() as topic:
        reading = {"dsn": effects, "topic": topic, "expected": count, "style": "ack", "is_static": is_static}
        members = [Member(rig, module, instance=str(n), **reading) for n in range(MEMBERS)]
        async with AsyncExitStack() as stack, rig.arm("ours_service", dsn=dsn, topic=topic, events=count) as writer:
            for member in members:
                stack.push_async_callback(member.stop)
                await member.start()
            await writer.send("go")
            await asyncio.gather(
                command_steadily(writer, count, sizes.latency_rate), _roll(members, sizes.restart_seconds)
            )
            await _all_effects(effects, count)
            await writer.send("stop")
            written = await writer.answer(ANSWER_SECONDS)
        await rig.expect_effects(effects, count)
        seen = await _moments(effects)
    return latencies(written["times"], seen, count, 0)


async def _roll(members: list[Member], seconds: float) -> None:
    # The last one is back well before the load ends.
    pause = seconds / (MEMBERS + 1)
    for member in members:
        await asyncio.sleep(pause)
        await member.stop()
        await member.start()


async def _all_effects(dsn: str, count: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(SETTLED_SECONDS):
            while await connection.fetchval("SELECT count(*) FROM effects") < count:
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def _moments(dsn: str) -> dict[str, int]:
    """Return when each effect was written, on the clock of the writer's commits."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT event_id, extract(epoch FROM at) AS at FROM effects")
    finally:
        await connection.close()
    ahead = time.time_ns() - time.monotonic_ns()
    return {str(row["event_id"]): int(row["at"] * 1_000_000_000) - ahead for row in rows}


TUTORIAL = "tutorial: members that join and leave"

RESTART = Measure(
    key="restart",
    title=lambda sizes: f"Commit → effect while {MEMBERS} consumers restart in turn, {sizes.latency_rate} commands/s",
    metrics=(Metric("p50", "ms, p50"), Metric("p99", "ms, p99")),
    arms=(
        ArmOf("Maillage: static members", partial(_measure, module="ours_member")),
        ArmOf(TUTORIAL, partial(_measure, module="tutorial_member", is_static=False)),
        ArmOf("tutorial: with static members", partial(_measure, module="tutorial_member", is_static=True)),
    ),
    goals=(Goal("rolling restart: nothing lost; p99 ≤ 1× the plain arm", "p99", 1.0, against=TUTORIAL),),
)
