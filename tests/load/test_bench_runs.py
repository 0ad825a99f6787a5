"""Every arm of the bench runs, and handles every event exactly once; no figure is looked at.

The arms raise when an event is missing or doubled (rig.expect_...), so that a run is the proof.
"""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import pytest
from tests.load.measures.all import MEASURES
from tests.load.measures.measure import BEHIND, Measure
from tests.load.rig import Rig, WrongCount
from tests.load.sizes import TINY

ARMS_AT_ONCE = 3
"""They spend most of their time importing; a machine has two cores at least."""


ON_THE_CONTRACTS_TOPICS = {"http", "tracing", "partner", "partner_flood", "growth", "readings", "files", "replay"}
"""One after the other: what one leaves in a topic the next would count."""

QUICK = {"relay", "consumer", "pipeline"}


@pytest.mark.timeout(120)  # 12 s on an idle machine
async def test_the_arms_of_the_event_path_handle_every_event_once(rig: Rig) -> None:
    await _run_all(rig, [measure for measure in MEASURES if measure.key in QUICK])


@pytest.mark.long
@pytest.mark.timeout(400)  # a minute on an idle machine; some fifty processes start
async def test_every_other_arm_handles_every_event_once(rig: Rig) -> None:
    left_out = {measure.key for measure in MEASURES if measure.needs(rig) is not None}
    await _run_all(rig, [measure for measure in MEASURES if measure.key not in left_out | QUICK])
    assert left_out <= {"partner", "partner_flood", "growth", "readings", "files", "replay"}


async def _run_all(rig: Rig, measures: list[Measure]) -> None:
    room = asyncio.Semaphore(ARMS_AT_ONCE)
    topics = asyncio.Lock()

    async def run(measure: Measure) -> None:
        for arm in measure.arms:
            async with room, topics if measure.key in ON_THE_CONTRACTS_TOPICS else contextlib.nullcontext():
                names = set(await arm.run(rig, TINY))
            assert names <= {metric.name for metric in measure.metrics} | {BEHIND}, arm.name

    await asyncio.gather(*map(run, measures))


async def test_a_lost_or_doubled_record_ends_the_run(rig: Rig) -> None:
    async with rig.filled_topic(5) as topic:
        await rig.expect_in_topic(topic, 5)
        with pytest.raises(WrongCount):
            await rig.expect_in_topic(topic, 6)


async def test_a_lost_or_doubled_effect_ends_the_run(rig: Rig) -> None:
    async with rig.database() as dsn:
        connection = await asyncpg.connect(dsn)
        one = "INSERT INTO effects VALUES (gen_random_uuid(), gen_random_uuid(), 1)"
        await connection.execute(one)
        await rig.expect_effects(dsn, 1)
        with pytest.raises(WrongCount):
            await rig.expect_effects(dsn, 2)
        await connection.execute("INSERT INTO effects SELECT * FROM effects")
        with pytest.raises(WrongCount):
            await rig.expect_effects(dsn, 2)
        await connection.close()
