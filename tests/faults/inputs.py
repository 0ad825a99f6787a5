"""Records of anybody's making, straight into a topic: good ones at a steady rate, and among them what nobody can read.

Every record has an identity, by which its effect or its dead letter is found again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata
from tests.faults.oracle import Facts, Said
from tests.faults.pipeline import EFFECTS_IN_ORDER, LOOK_SECONDS, Pipeline, pipeline
from tests.faults.rig import read_topic

from chassis.testing.events import AT, received, submitted
from maillage_contracts import Record, encode, envelope_for

SUBJECTS = 40
LETTERS = "SELECT partition, \"offset\" FROM dead_letters WHERE cause <> ''"
ENDED = "SELECT (SELECT count(*) FROM effects) + (SELECT count(*) FROM dead_letters)"
ARRIVED = "SELECT event_id, extract(epoch FROM at)::float8 AS at FROM effects"

Spoil: TypeAlias = Callable[[Record], tuple[bytes, Sequence[tuple[str, bytes]], "bytes | None"]]
"""From a good record, the key, headers and value of a bad one."""


def _value(value: bytes | None, record: Record) -> tuple[bytes, Sequence[tuple[str, bytes]], bytes | None]:
    return record.key, record.headers, value


def _field(change: dict[str, object], record: Record) -> tuple[bytes, Sequence[tuple[str, bytes]], bytes | None]:
    content = {name: value for name, value in (json.loads(record.value) | change).items() if value is not None}
    return record.key, record.headers, json.dumps(content).encode()


def _header(name: str, value: bytes | None, record: Record) -> tuple[bytes, Sequence[tuple[str, bytes]], bytes | None]:
    others = [(known, text) for known, text in record.headers if known != name]
    return record.key, others if value is None else [*others, (name, value)], record.value


POISON: dict[str, Spoil] = {
    "value: empty": partial(_value, b""),
    "value: null": partial(_value, None),
    "value: not JSON": partial(_value, b"{"),
    "value: not UTF-8": partial(_value, b'{"note": "\xff\xfe"}'),
    "value: nested without end": partial(_value, b"[" * 100_000),
    "field: missing": partial(_field, {"referral_id": None}),
    "field: of another type": partial(_field, {"aggregate_version": "1"}),
    "header: not UTF-8": partial(_header, "x-note", b"\xff\xfe"),
    "header: no id": partial(_header, "ce_id", None),
    "header: an id that is none": partial(_header, "ce_id", b"0; DROP TABLE inbox"),
    "header: a major that nobody knows": partial(_header, "ce_type", b"fr.maillage.referrals.referral.submitted.v9"),
    "key: not UTF-8": lambda record: (b"\xff\xfe", record.headers, record.value),
}


@dataclass
class Inputs(Pipeline):
    """A topic that anybody writes, a consumer, effects and dead letters."""

    inputs: dict[UUID, Said] = field(default_factory=dict)
    places: dict[tuple[int, int], UUID] = field(default_factory=dict)
    """From partition and offset to identity."""
    sent_at: dict[UUID, float] = field(default_factory=dict)
    """Of good records."""
    good: int = 0
    strange: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)

    async def send(self, count: int, rate: float, poison: int = 0) -> set[UUID]:
        """Write this many records at a steady rate, some of them bad, each kind in turn; return the good ones' ids."""
        kinds = iter([*POISON] * (poison // len(POISON) + 1))
        bad = set(self.chance.sample(range(count), poison))
        first_good = len(self.sent_at)
        producer = AIOKafkaProducer(bootstrap_servers=self.rig.kafka.bootstrap, linger_ms=5)
        await producer.start()
        try:
            began, waiting = time.monotonic(), []
            for n in range(count):
                if (early := began + n / rate - time.monotonic()) > 0.002:
                    await asyncio.sleep(early)
                waiting.append(await self._send_one(producer, next(kinds) if n in bad else None))
            for identity, told in waiting:
                metadata = await told
                self.places[metadata.partition, metadata.offset] = identity
        finally:
            await producer.stop()
        self.injected += poison
        return set(list(self.sent_at)[first_good:])

    async def _send_one(
        self, producer: AIOKafkaProducer, kind: str | None
    ) -> tuple[UUID, asyncio.Future[RecordMetadata]]:
        identity = UUID(int=self.chance.getrandbits(128), version=4)
        # A bad one has a subject of its own: whatever followed under its key would be held behind it.
        subject = UUID(int=self.chance.randrange(SUBJECTS) if kind is None else self.chance.getrandbits(127), version=4)
        version = self.versions[subject] = self.versions.get(subject, 0) + 1
        event = submitted(subject) if version == 1 else received(subject, version)
        envelope = envelope_for(event, id=identity, source="/referrals", time=AT, correlation_id=subject)
        record = encode(event, envelope)
        key, headers, value = (record.key, record.headers, record.value) if kind is None else POISON[kind](record)
        self.inputs[identity] = Said(identity, subject, version)
        if kind is None:
            self.sent_at[identity] = time.time()
            self.good += 1
        return identity, await producer.send(self.topic, value, key=key, headers=list(headers))

    async def good_done(self, seconds: float) -> bool:
        """Return whether every good record had its effect within `seconds`."""
        deadline = time.monotonic() + seconds
        while await self.ask("SELECT count(*) FROM effects") < self.good:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def late(self, of: set[UUID]) -> list[float]:
        """Return how long after their sending these had their effect, shortest first."""
        connection = await asyncpg.connect(self.dsn, timeout=60)
        try:
            rows = await connection.fetch(ARRIVED)
        finally:
            await connection.close()
        return sorted(row["at"] - self.sent_at[row["event_id"]] for row in rows if row["event_id"] in of)

    async def settled(self, bound_seconds: float) -> float | None:
        """Return how long after `heal` every record had ended somewhere; None when it never had in time."""
        healed = self.healed_at or time.monotonic()
        while time.monotonic() - healed <= bound_seconds:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if await self.ask(ENDED) >= len(self.inputs):
                    return time.monotonic() - healed
            await asyncio.sleep(LOOK_SECONDS)
        return None

    async def facts(self, *, settled: bool) -> Facts:
        """Collect what the oracle needs: each record is one command, and its place tells whose letter is whose."""
        connection = await asyncpg.connect(self.dsn, timeout=60)
        try:
            effects = [Said(*row) for row in await connection.fetch(EFFECTS_IN_ORDER)]
            dead = {self.places[row["partition"], row["offset"]] for row in await connection.fetch(LETTERS)}
        finally:
            await connection.close()
        records = await read_topic(self.rig.kafka.bootstrap, self.topic)
        sent = [self.inputs[self.places[record.partition, record.offset]] for record in records]
        facts = Facts(set(self.inputs), list(self.inputs.values()), sent, effects, dead, settled=settled)
        return replace(facts, strange=self.strange, figures=self.figures)


inputs = partial(pipeline, kind=Inputs)
