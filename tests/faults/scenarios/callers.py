"""The API: killed in a request, its COMMIT unknown, its database gone, its broker away, its clock wrong."""

from __future__ import annotations

import asyncio

import asyncpg
from tests.faults.api import Api
from tests.faults.engine import Scenario
from tests.faults.rig import PATIENCE_SECONDS, until
from tests.faults.scenarios.servers import own_kafka, own_postgres

POINTS = ("api.before_commit", "api.committed", "relay.sent", "relay.acknowledged")

ANSWER_SECONDS = 15.0
"""Whoever is refused is told so within this."""

RECOVERY_SECONDS = 10.0


async def killed_in_a_request(a: Api) -> None:
    """Kill the service at named points, its callers waiting; each repeats its request with the same key."""
    async with a.calling():
        for point in a.chance.sample(POINTS, a.rounds(len(POINTS))):
            await a.dies(await a.service(faults=f"{point}:{a.chance.randint(1, 20)}"))
        await a.service()
        await a.answering()
        a.heal()


async def unknown_commits(a: Api) -> None:
    """PostgreSQL commits, or does not, and the service never learns."""
    await a.through_proxy()
    assert a.postgres is not None
    await a.service()
    await a.answering()
    async with a.calling():
        a.postgres.weather.lost_answer_share, a.postgres.weather.lost_request_share = 0.2, 0.1
        hurt = a.postgres
        if not await until(lambda: hurt.injected >= a.rounds(60), 30 * a.effort):
            # A slow machine has fewer requests to hurt; one at least is what the trial is about.
            await until(lambda: hurt.injected > 0, PATIENCE_SECONDS)
        a.postgres.weather.lost_answer_share = a.postgres.weather.lost_request_share = 0
        a.heal()


async def database_gone(a: Api) -> None:
    """Stop PostgreSQL at once: 503 meanwhile, never a 201 that does not hold."""
    assert a.rig.postgres.process is not None
    await a.service()
    await a.answering()
    async with a.calling():
        for _ in range(a.rounds(3)):
            await a.told(10)
            await asyncio.sleep(a.chance.uniform(0, 0.3))
            a.rig.postgres.process.stop()
            a.injected += 1
            await asyncio.sleep(a.chance.uniform(0.2, a.seconds(2)))
            a.rig.postgres.process.start()
        a.heal()


async def broker_away(a: Api) -> None:
    """Let the broker stand still: callers notice nothing."""
    assert a.rig.kafka.process is not None
    await a.service()
    await a.answering()
    a.rig.kafka.process.pause()
    try:
        a.injected += 1
        async with a.calling():
            await a.told(20)
            await asyncio.sleep(a.chance.uniform(0, a.seconds(10)))
    finally:
        a.rig.kafka.process.go_on()
    a.heal()
    if a.refusals:
        a.strange.append(f"{a.refusals} requests refused while only Kafka was away")


async def overloaded(a: Api) -> None:
    """Call more than it has room for, then take its database connections too: who is refused is told to come back."""
    await a.service(MAILLAGE_DATABASE_POOL_SIZE="2", MAILLAGE_HTTP_IN_PROGRESS_MAX="8")
    await a.answering()
    async with a.calling(callers=40):
        await a.told(a.rounds(400), seconds=90)
        a.injected += a.refusals
        connection = await asyncpg.connect(a.dsn, timeout=10)
        try:
            async with connection.transaction():
                # Whoever submits waits here with a connection in hand.
                await connection.execute("LOCK TABLE referrals IN SHARE MODE")
                await asyncio.sleep(1 + a.seconds(9))
        finally:
            await connection.close()
        a.injected += 1
        freed = asyncio.get_running_loop().time()
        await a.told(20, seconds=RECOVERY_SECONDS if a.effort >= 1 else 60)
        a.heal()
    a.figures = {
        "longest wait for an answer, s": a.slowest_seconds,
        "answers again after, s": asyncio.get_running_loop().time() - freed,
    }
    if a.effort >= 1 and a.slowest_seconds > ANSWER_SECONDS:
        a.strange.append(f"an answer took {a.slowest_seconds:.0f} s")


async def wrong_clock(a: Api) -> None:
    """Move the service's clock: a minute is forgiven, an hour is not, and a step back does no harm."""
    file = a.folder / "clock"
    await a.service(MAILLAGE_CLOCK_FILE=str(file))
    await a.answering()
    for seconds, expected in ((0, 201), (50, 201), (-50, 201), (3600, 401), (-3600, 401), (0, 201)):
        draft = a.folder / "clock.new"
        draft.write_text(f"{seconds}\n", encoding="ascii")
        draft.replace(file)
        a.injected += 1
        status = await a.submit_once()
        if status != expected:
            a.strange.append(f"HTTP {status} with the clock {seconds} s ahead, not {expected}")
    a.heal()


SCENARIOS = (
    Scenario("R3", "API killed in a request", play_api=killed_in_a_request, table=(300, 1.0)),
    Scenario(
        "R8", "outcome of COMMIT unknown to the API", play_api=unknown_commits, bound_seconds=40, table=(150, 1.0)
    ),
    Scenario(
        "R4b", "API without its database", play_api=database_gone, exclusive=True, needs=own_postgres, table=(25, 1.0)
    ),
    Scenario(
        "R6c",
        "API without its broker",
        play_api=broker_away,
        bound_seconds=60,
        exclusive=True,
        only_long=True,
        needs=own_kafka,
        table=(20, 1.0),
    ),
    Scenario(
        "R15b",
        "more callers than room, connections held",
        play_api=overloaded,
        bound_seconds=40,
        timed=True,
        table=(20, 1.0),
    ),
    Scenario("R16b", "API with a wrong clock", play_api=wrong_clock, only_long=True, table=(10, 1.0)),
)
