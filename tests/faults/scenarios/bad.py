"""What must be caught: shapes known to lose or double, and the product with one safety taken out (R21).

A rig that lets one of these pass proves nothing.
"""

from __future__ import annotations

import asyncio

import asyncpg
from tests.faults.engine import Scenario
from tests.faults.pipeline import Pipeline
from tests.faults.rig import until
from tests.faults.scenarios.relays import HELD
from tests.faults.scenarios.servers import own_postgres
from tests.faults.writer import Workload

from chassis.testing.mutants import VARIABLE

BOUND_SECONDS = 2.0
"""What is lost never comes: no use in waiting as long as for what may, once something later has come."""

ACTIVE = "relay_active"
TRIES_MAX = 5

CLEAN = Workload(events_max=3, pause_seconds=0.03, poison_share=0, rolled_back_share=0)


def mutant(name: str) -> dict[str, str]:
    """Return the environment that makes a test process this mutant."""
    return {VARIABLE: name}


async def first_acknowledgement(p: Pipeline) -> None:
    """FastStream's default: killed with a batch in hand whose offsets are committed."""
    await _killed_in_hand(p, "tests.faults.arms.first_ack_consumer")


async def commit_before_effect(p: Pipeline) -> None:
    """The offset first: killed before the effect."""
    await _killed_in_hand(p, "tests.faults.arms.commit_first_consumer")


async def _killed_in_hand(p: Pipeline, module: str) -> None:
    await p.relay()
    # What waits is a second of work, and the first batches hold it all.
    await p.written(100, CLEAN)
    victim = await p.start(module, p.topic)
    await p.flowing(2)
    await asyncio.sleep(0.25)
    await p.killed_after(victim, 0)
    await p.start(module, p.topic)
    await _at_work_again(p)


async def _at_work_again(p: Pipeline) -> None:
    """Show that whoever came after is at work: what is missing after this is lost, not late."""
    async with p.writing(CLEAN):
        await p.flowing(5)
    p.heal()


async def cursor_relay(p: Pipeline) -> None:
    """`position > last`, with transactions that commit late."""
    await p.consumer()
    await p.start("tests.faults.arms.cursor_relay")
    async with p.writing(HELD, writers=6):
        await p.flowing(100)
    p.injected += 1
    await _at_work_again(p)


async def inbox_removed(p: Pipeline) -> None:
    """Killed between the database's commit and the offset's, twice."""
    await p.relay()
    async with p.writing(CLEAN):
        for _ in range(2):
            await p.dies(await p.consumer(faults="consumer.committed:2", **mutant("inbox_removed")))
        await p.consumer(**mutant("inbox_removed"))
    p.heal()


async def lease_removed(p: Pipeline) -> None:
    """Two relays, neither waits: both are at work before the first event is there, and race for each."""
    await p.consumer()
    relays = [await p.relay(**mutant("lease_removed")) for _ in range(2)]
    both = await until(lambda: all(ACTIVE in relay.said() for relay in relays), 30)
    assert both, "two relays without a lease were not active together"
    async with p.writing(CLEAN):
        await p.flowing(100)
    p.repeats_allowed = False
    p.injected += 1
    p.heal()


async def order_removed(p: Pipeline) -> None:
    """Rows leave in no order."""
    await p.consumer()
    await p.written(100, CLEAN)
    await p.relay(**mutant("order_removed"))
    p.injected += 1
    p.heal()


async def offset_first(p: Pipeline) -> None:
    """Killed after the offset's commit, before the database's."""
    await p.relay()
    async with p.writing(CLEAN):
        await p.dies(await p.consumer(faults="consumer.claimed:3", **mutant("offset_first")))
    await p.consumer(**mutant("offset_first"))
    await _at_work_again(p)


async def delete_first(p: Pipeline) -> None:
    """Killed after the delete, which came before Kafka had the rows: nobody reaches Kafka until then."""
    await p.through_proxies(kafka=True)
    assert p.kafka is not None
    await p.written(20, CLEAN)
    p.kafka.refusing = True
    await p.dies(await p.relay(faults="relay.deleted", **mutant("delete_first")))
    p.kafka.refusing = False
    await p.consumer()
    await p.relay(**mutant("delete_first"))
    await _at_work_again(p)


async def disk_promise_removed(p: Pipeline) -> None:
    """A database that says "committed" before its log is on disk, stopped at once under load.

    Its log may have reached the disk just then, by the server's own leave: it is stopped until something was lost.
    """
    assert p.rig.postgres.process is not None
    connection = await asyncpg.connect(p.dsn, timeout=10)
    await connection.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$"
    )
    await connection.close()
    await p.consumer()
    await p.relay()
    for _ in range(TRIES_MAX):
        async with p.writing(Workload(pause_seconds=0, poison_share=0, rolled_back_share=0), writers=3):
            await p.flowing(50)
            p.rig.postgres.process.stop()
            p.injected += 1
            p.rig.postgres.process.start()
        p.heal()
        found = await p.facts(settled=True)
        if found.acknowledged - {one.event_id for one in found.committed}:
            return


CAUGHT = frozenset({"I1", "I2", "I3", "I4", "I5"})
LOSES = frozenset({"I1", "I5"})

SCENARIOS = (
    Scenario("B1", "bad: FastStream's default acknowledgement", first_acknowledgement, None, BOUND_SECONDS, LOSES),
    Scenario("B2", "bad: relay reading position > last", cursor_relay, None, BOUND_SECONDS, LOSES),
    Scenario("B3", "bad: offset committed before the effect", commit_before_effect, None, BOUND_SECONDS, LOSES),
    Scenario("M1", "mutant: inbox removed", inbox_removed, None, BOUND_SECONDS, frozenset({"I2"})),
    Scenario("M2", "mutant: lease removed", lease_removed, None, BOUND_SECONDS, frozenset({"I1"})),
    Scenario("M3", "mutant: order removed", order_removed, None, BOUND_SECONDS, frozenset({"I3"})),
    Scenario("M4", "mutant: offset before commit", offset_first, None, BOUND_SECONDS, LOSES),
    Scenario("M5", "mutant: delete before acknowledgement", delete_first, None, BOUND_SECONDS, LOSES),
    Scenario(
        "M6", "mutant: commit before the log is on disk", disk_promise_removed, None, BOUND_SECONDS, CAUGHT,
        exclusive=True, needs=own_postgres,
    ),
)  # fmt: skip
