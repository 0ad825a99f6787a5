"""How far Kafka is told a subscription has come: what is done and nothing else, without holding up the work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from chassis import offsets as module
from chassis.offsets import Offsets

TOPIC = "referrals-referral-v1"


@dataclass
class Record:
    partition: int
    offset: int
    topic: str = TOPIC


class Consumer:
    """A consumer whose commits answer when they are let."""

    def __init__(self) -> None:
        self.commits: list[dict[tuple[str, int], int]] = []
        self.answers = asyncio.Event()
        self.fails = False

    async def commit(self, offsets: Mapping[TopicPartition, int], /) -> None:
        self.commits.append({tuple(partition): offset for partition, offset in offsets.items()})
        await self.answers.wait()
        if self.fails:
            self.fails = False
            raise CommitFailedError


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMIT_SECONDS", 0.001)


async def test_the_work_goes_on_while_kafka_has_not_answered_and_one_commit_says_the_rest() -> None:
    consumer, offsets = Consumer(), Offsets()
    await offsets.done(consumer, [Record(0, 4), Record(0, 5), Record(1, 9)])
    await asyncio.sleep(0)
    for offset in range(6, 20):
        await offsets.done(consumer, [Record(0, offset)])
    await asyncio.sleep(0)
    assert consumer.commits == [{(TOPIC, 0): 6, (TOPIC, 1): 10}], "asked once, and not yet for what was not done then"

    consumer.answers.set()
    await offsets.settle()
    assert consumer.commits[1:] == [{(TOPIC, 0): 20}]


async def test_a_process_that_stops_waits_for_what_it_finishes_last() -> None:
    consumer, offsets = Consumer(), Offsets()
    consumer.answers.set()
    await offsets.settle()
    await offsets.done(consumer, [Record(0, 0)])
    assert consumer.commits == [{(TOPIC, 0): 1}]


async def test_a_stop_is_not_held_up_by_a_broker_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAST_SECONDS", 0.01)
    consumer, offsets = Consumer(), Offsets()
    await offsets.done(consumer, [Record(0, 0)])
    await offsets.settle()
    assert consumer.commits == [{(TOPIC, 0): 1}]


async def test_a_partition_that_moved_is_let_go_and_later_ones_are_committed() -> None:
    consumer, offsets = Consumer(), Offsets()
    consumer.answers.set()
    consumer.fails = True
    await offsets.done(consumer, [Record(0, 0)])
    await asyncio.sleep(0)
    await offsets.done(consumer, [Record(1, 0)])
    await offsets.settle()
    assert consumer.commits == [{(TOPIC, 0): 1}, {(TOPIC, 1): 1}]


async def test_records_out_of_order_never_take_an_offset_back() -> None:
    consumer, offsets = Consumer(), Offsets()
    consumer.answers.set()
    await offsets.done(consumer, [Record(0, 7), Record(0, 3)])
    await offsets.settle()
    assert consumer.commits == [{(TOPIC, 0): 8}]
