"""Answers that do not arrive, and weather between every process and every server."""

from __future__ import annotations

import asyncio

from tests.faults.engine import Scenario
from tests.faults.pipeline import Pipeline
from tests.faults.rig import PATIENCE_SECONDS, until
from tests.faults.writer import Workload


async def lost_acknowledgements(p: Pipeline) -> None:
    """Kafka writes a batch, and the relay never learns of it."""
    await p.through_proxies(kafka=True)
    assert p.kafka is not None
    await p.consumer()
    await p.relay()
    async with p.writing():
        await p.flowing(10)
        p.kafka.weather.lost_answer_share = 0.4
        await _enough_cuts(p, p.rounds(40))
        p.kafka.weather.lost_answer_share = 0
        p.heal()


async def unknown_commits(p: Pipeline) -> None:
    """PostgreSQL commits, or does not, and whoever asked never learns: writers, consumer and relay alike."""
    await p.through_proxies(postgres=True)
    assert p.postgres is not None
    await p.consumer()
    await p.relay()
    async with p.writing():
        await p.flowing(10)
        p.postgres.weather.lost_answer_share, p.postgres.weather.lost_request_share = 0.2, 0.1
        await _enough_cuts(p, p.rounds(60))
        p.postgres.weather.lost_answer_share = p.postgres.weather.lost_request_share = 0
        p.heal()


async def bad_weather(p: Pipeline) -> None:
    """Latency, jitter, resets and bytes one at a time, to both servers."""
    await p.through_proxies(kafka=True, postgres=True)
    assert p.kafka is not None
    assert p.postgres is not None
    await p.consumer()
    await p.relay()
    async with p.writing(Workload(pause_seconds=0.03)):
        await p.flowing(10)
        for one in (p.kafka, p.postgres):
            one.weather.latency_seconds, one.weather.jitter_seconds = 0.001, p.chance.uniform(0.001, 0.02)
            one.weather.reset_share, one.weather.byte_by_byte = 0.02, True
        await _enough_cuts(p, p.rounds(60))
        if not p.cuts():
            # Bytes one at a time are few in a short trial on a busy machine, and chance may spare them all.
            p.chance.choice((p.kafka, p.postgres)).cut_all()
        for one in (p.kafka, p.postgres):
            one.weather.latency_seconds = one.weather.jitter_seconds = one.weather.reset_share = 0
            one.weather.byte_by_byte = False
        p.heal()


async def storms(p: Pipeline) -> None:
    """Cut every connection at once, time and again."""
    await p.through_proxies(kafka=True, postgres=True)
    assert p.kafka is not None
    assert p.postgres is not None
    await p.consumer()
    await p.relay()
    async with p.writing(Workload(pause_seconds=0.03)):
        await p.flowing(10)
        for _ in range(p.rounds(8)):
            p.chance.choice((p.kafka, p.postgres)).cut_all()
            await asyncio.sleep(p.chance.uniform(0, 0.6))
        p.heal()


async def half_open(p: Pipeline) -> None:
    """Let every present connection go silent without an end; only time-outs tell."""
    await p.through_proxies(kafka=True, postgres=True)
    assert p.kafka is not None
    assert p.postgres is not None
    await p.consumer()
    await p.relay()
    writer = p.writer(Workload(pause_seconds=0.05))
    stop = asyncio.Event()
    working = asyncio.create_task(writer.run(stop))
    await p.flowing(10)
    p.chance.choice((p.kafka, p.postgres)).half_open()
    p.heal()
    await asyncio.sleep(1)
    stop.set()
    await working


async def _enough_cuts(p: Pipeline, wanted: int, seconds: float = 30) -> None:
    if not await until(lambda: p.cuts() >= wanted, seconds * max(p.effort, 0.3)):
        # A slow machine has less to hurt; one cut at least is what the trial is about.
        await until(lambda: p.cuts() > 0, PATIENCE_SECONDS)


SCENARIOS = (
    Scenario("R7", "acknowledgements of Kafka lost", lost_acknowledgements, table=(13, 1.0)),
    Scenario(
        "R8b",
        "outcome of COMMIT unknown to consumer, relay and writer",
        unknown_commits,
        bound_seconds=40,
        table=(150, 1.0),
    ),
    Scenario("R14", "latency, jitter, resets, one byte at a time", bad_weather, bound_seconds=60, table=(40, 1.0)),
    Scenario("R14b", "every connection cut at once", storms, bound_seconds=60, only_long=True, table=(30, 1.0)),
    Scenario("R14c", "sockets half open", half_open, bound_seconds=90, only_long=True, table=(30, 1.0)),
)
