"""The consumer on a real database: effects once, dead letters with their cause, order behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from chassis import operator_acts
from chassis.clock import MovableClock
from chassis.consumer import DEAD_IN_A_ROW_MAX, Processor, Subscription
from chassis.db import Database, Tx
from chassis.errors import DependencyDown, Permanent, Transient
from chassis.ids import new_id
from chassis.outbox import Doorbell
from chassis.records import Delivery, Source
from chassis.requeue import requeue
from chassis.testing.events import AT, received, source_of_event, submitted
from maillage_contracts import ReferralReceived, ReferralSubmitted

TOPIC = "referrals-referral-v1"


class Effects:
    """A handler that writes one row per event, and fails as told."""

    def __init__(self) -> None:
        self.failures: dict[UUID, list[Exception]] = {}

    async def handle(self, tx: Tx, delivery: Delivery, _: Any) -> None:
        await tx.execute("INSERT INTO effects (event_id, n) VALUES ($1, nextval('effect_order'))", delivery.envelope.id)
        pending = self.failures.get(delivery.envelope.id)
        if pending:
            raise pending.pop(0)


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
async def processor(db: Database, effects: Effects) -> Processor:
    async with db.transaction() as tx:
        await tx.execute("CREATE SEQUENCE effect_order")
        await tx.execute("CREATE TABLE effects (event_id uuid, n bigint)")
    subscription = Subscription(TOPIC, one={ReferralSubmitted: effects.handle, ReferralReceived: effects.handle})
    return Processor("testing", subscription, db, MovableClock(AT), Doorbell())


async def done(db: Database) -> list[UUID]:
    async with db.connection() as connection:
        return [row["event_id"] for row in await connection.fetch("SELECT event_id FROM effects ORDER BY n")]


async def correct(db: Database, letter_id: int, good: Source) -> None:
    async with db.transaction() as tx:
        letter = await operator_acts.lock_letter(tx, letter_id)
        assert letter is not None
        by = operator_acts.By("operator", UUID(int=1), "a test")
        assert await operator_acts.correct(tx, letter, good.value or b"", by, AT) is None


async def letters(db: Database) -> list[Mapping[str, Any]]:
    async with db.connection() as connection:
        return [dict(row) for row in await connection.fetch("SELECT * FROM dead_letters ORDER BY id")]


def event_id(source: Source) -> UUID:
    return UUID(dict(source.headers)["ce_id"].decode())  # type: ignore[union-attr]  # made here, never null


def with_header(source: Source, name: str, value: bytes) -> Source:
    return replace(source, headers=[(n, value if n == name else v) for n, v in source.headers])


async def test_second_delivery_changes_nothing(processor: Processor, db: Database) -> None:
    sources = [source_of_event(submitted(), offset=n) for n in range(5)]
    await processor.process([*sources, sources[2]])

    await processor.process(sources)

    assert sorted(await done(db)) == sorted(map(event_id, sources))


async def test_concurrent_deliveries_have_one_effect_each(processor: Processor, db: Database) -> None:
    sources = [source_of_event(submitted(), offset=n) for n in range(50)]

    await asyncio.gather(
        *(processor.process(list(order)) for order in (sources, sources[::-1], sources[25:] + sources[:25]))
    )

    assert sorted(await done(db)) == sorted(map(event_id, sources))


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda s: replace(s, value=b"{not json"), "InvalidPayload"),
        (lambda s: replace(s, value=None), "InvalidPayload"),
        (lambda s: replace(s, value=b'{"referral_id": "Camille Exemple"}'), "InvalidPayload"),
        (lambda s: replace(s, headers=[*s.headers, ("note", b"\xff\xfe")]), "not UTF-8"),
        (lambda s: with_header(s, "ce_type", b"fr.maillage.referrals.referral.submitted.v9"), "UnsupportedMajor"),
        (lambda s: replace(s, value=b"{", headers=[*s.headers, ("ce_traceparent", b"\x00")]), "InvalidPayload"),
        (lambda s: replace(s, headers=[("ce_type", b"a\x00b"), ("note", b"\xff")]), "not UTF-8"),
        (lambda s: replace(s, value=b"{", headers=[*s.headers, ("no\x00te", b"x")]), "InvalidPayload"),
    ],
    ids=[
        "bad-json",
        "null",
        "wrong-shape",
        "header-not-utf8",
        "unsupported-major",
        "nul-in-traceparent",
        "nul-in-type",
        "nul-in-header-name",
    ],
)
async def test_poison_becomes_a_dead_letter_and_only_its_key_waits(
    processor: Processor, db: Database, spoil: Any, cause: str
) -> None:
    referral = new_id()
    poison = spoil(source_of_event(submitted(referral), offset=1))
    behind = source_of_event(received(referral), offset=2)
    neighbours = [source_of_event(submitted(), offset=n) for n in (0, 3)]

    await processor.process([neighbours[0], poison, behind, neighbours[1]])

    assert await done(db) == [event_id(n) for n in neighbours]
    dead, held = await letters(db)
    assert (dead["state"], dead["offset"], dead["value"]) == ("dead", 1, poison.value)
    assert cause in dead["cause"]
    assert "Camille" not in dead["cause"]
    assert (held["state"], held["offset"]) == ("held", 2)


async def test_later_batch_waits_behind_a_dead_letter_of_its_key(
    processor: Processor, db: Database, effects: Effects
) -> None:
    referral = new_id()
    first, second = source_of_event(submitted(referral), offset=0), source_of_event(received(referral), offset=1)
    effects.failures[event_id(first)] = [Permanent("refused by the domain")] * 2
    await processor.process([first])

    await processor.process([second])
    await processor.process([second])

    assert await done(db) == []
    assert [(row["state"], row["offset"]) for row in await letters(db)] == [("dead", 0), ("held", 1)]


async def test_requeue_handles_the_letter_and_then_what_waited_behind_it(
    processor: Processor, db: Database, effects: Effects
) -> None:
    referral = new_id()
    sources = [source_of_event(submitted(referral), offset=0)] + [
        source_of_event(received(referral, version=n + 1), offset=n) for n in range(1, 4)
    ]
    effects.failures[event_id(sources[0])] = [Permanent("not yet")] * 3
    await processor.process(sources)
    letter = (await letters(db))[0]

    failed = await requeue(processor, db, letter["id"])
    healed = await requeue(processor, db, letter["id"])

    assert (failed.handled, failed.stopped_by) == (0, "Permanent: not yet")
    assert (healed.handled, healed.stopped_by) == (4, None)
    assert await done(db) == [event_id(s) for s in sources]
    assert await letters(db) == []
    after = source_of_event(received(referral, version=9), offset=9)
    await processor.process([after])
    assert (await done(db))[-1] == event_id(after)


async def test_requeue_with_corrected_bytes_keeps_the_event_id(processor: Processor, db: Database) -> None:
    good = source_of_event(submitted(), offset=0)
    await processor.process([replace(good, value=b"{")])
    letter = (await letters(db))[0]

    await correct(db, letter["id"], good)
    outcome = await requeue(processor, db, letter["id"])

    assert outcome.handled == 1
    assert await done(db) == [event_id(good)]
    await processor.process([good])
    assert await done(db) == [event_id(good)]


async def test_one_failing_event_costs_only_itself(processor: Processor, db: Database, effects: Effects) -> None:
    sources = [source_of_event(submitted(), offset=n) for n in range(20)]
    effects.failures[event_id(sources[7])] = [Permanent("no")] * 2

    await processor.process(sources)

    assert await done(db) == [event_id(s) for s in sources if s is not sources[7]]
    assert [row["attempts"] for row in await letters(db)] == [1]


async def test_transient_failure_is_retried_then_set_aside(
    processor: Processor, db: Database, effects: Effects
) -> None:
    heals, stays = source_of_event(submitted(), offset=0), source_of_event(submitted(), offset=1)
    effects.failures[event_id(heals)] = [Transient("busy")] * 2
    effects.failures[event_id(stays)] = [Transient("busy")] * 9

    await processor.process([heals, stays])

    assert await done(db) == [event_id(heals)]
    assert [(row["offset"], row["attempts"], row["cause"]) for row in await letters(db)] == [(1, 3, "Transient")]


async def test_dependency_down_sets_nothing_aside_and_is_redone(
    processor: Processor, db: Database, effects: Effects
) -> None:
    sources = [source_of_event(submitted(), offset=n) for n in range(3)]
    effects.failures[event_id(sources[1])] = [DependencyDown("registration does not answer")]

    with pytest.raises(DependencyDown):
        await processor.process(sources)
    assert await done(db) == []
    assert await letters(db) == []

    await processor.process(sources)
    assert await done(db) == [event_id(s) for s in sources]


async def test_unknown_type_is_counted_and_passed(processor: Processor, db: Database) -> None:
    known = source_of_event(submitted(), offset=1)
    unknown = with_header(source_of_event(submitted()), "ce_type", b"fr.maillage.referrals.referral.painted.v1")

    await processor.process([unknown, known])

    assert processor.ignored == 1
    assert await done(db) == [event_id(known)]
    assert await letters(db) == []


async def test_too_many_dead_letters_in_a_row_stop_the_subscription(processor: Processor, db: Database) -> None:
    poison = [replace(source_of_event(submitted(), offset=n), value=b"[") for n in range(DEAD_IN_A_ROW_MAX)]

    await processor.process(poison)

    assert processor.stopped
    with pytest.raises(DependencyDown, match="stopped after"):
        await processor.process([source_of_event(submitted(), offset=999)])
    assert len(await letters(db)) == DEAD_IN_A_ROW_MAX


async def test_a_broken_handler_stops_in_mid_batch_instead_of_setting_everything_aside(
    processor: Processor, db: Database, effects: Effects
) -> None:
    sources = [source_of_event(submitted(), offset=n) for n in range(DEAD_IN_A_ROW_MAX + 50)]
    effects.failures = {event_id(s): [Permanent("broken deploy")] * 9 for s in sources}

    with pytest.raises(DependencyDown, match="stopped after"):
        await processor.process(sources)

    assert len(await letters(db)) == DEAD_IN_A_ROW_MAX


async def test_a_key_longer_than_an_index_entry_is_set_aside_and_requeued(processor: Processor, db: Database) -> None:
    good = source_of_event(submitted())
    await processor.process([replace(good, key=b"k" * 9000, value=b"{")])

    (letter,) = await letters(db)

    await correct(db, letter["id"], good)
    assert (await requeue(processor, db, letter["id"])).handled == 1


async def test_a_lock_that_somebody_holds_is_waited_for(processor: Processor, db: Database) -> None:
    source = source_of_event(submitted())
    async with db.transaction() as other:
        await other.execute("LOCK TABLE effects")
        with pytest.raises(DependencyDown):
            await processor.process([source])

    await processor.process([source])

    assert await done(db) == [event_id(source)]
    assert await letters(db) == []


@pytest.mark.parametrize("own", [FileNotFoundError("a template"), TimeoutError("of something else")])
async def test_a_handlers_own_failure_is_not_taken_for_the_databases(
    processor: Processor, db: Database, effects: Effects, own: Exception
) -> None:
    bad, good = source_of_event(submitted(), offset=0), source_of_event(submitted(), offset=1)
    effects.failures[event_id(bad)] = [own] * 9

    await processor.process([bad, good])

    assert await done(db) == [event_id(good)]
    assert [row["cause"] for row in await letters(db)] == [type(own).__name__]


async def test_requeue_and_the_next_event_of_its_key_keep_their_order(
    processor: Processor, db: Database, effects: Effects
) -> None:
    for _ in range(10):
        referral = new_id()
        first = source_of_event(submitted(referral), offset=0)
        rest = [source_of_event(received(referral, version=n), offset=n) for n in range(2, 6)]
        effects.failures[event_id(first)] = [Permanent("not yet")] * 2
        await processor.process([replace(first, topic=f"t-{referral}")])
        (letter,) = await letters(db)

        await asyncio.gather(
            requeue(processor, db, letter["id"]),
            *(processor.process([replace(source, topic=f"t-{referral}")]) for source in rest[:1]),
        )
        for left in await letters(db):
            await requeue(processor, db, left["id"])

        assert (await done(db))[-2:] == [event_id(first), event_id(rest[0])]


async def test_batches_in_opposite_orders_do_not_deadlock(
    processor: Processor, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    redone: list[Source] = []
    alone = processor._handle_alone

    async def watched(item: Any) -> None:
        redone.append(item.source)
        await alone(item)

    monkeypatch.setattr(processor, "_handle_alone", watched)
    for _ in range(10):
        sources = [source_of_event(submitted(), offset=n) for n in range(200)]
        await asyncio.gather(*(processor.process(order) for order in (sources, sources[::-1])))

    assert redone == []


async def test_projection_gets_the_whole_batch_once(db: Database) -> None:
    calls: list[int] = []

    async def project(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        calls.append(len(deliveries))

    subscription = Subscription(TOPIC, many=project, many_types=frozenset({ReferralSubmitted}))
    processor = Processor("testing", subscription, db, MovableClock(AT), Doorbell())

    await processor.process([source_of_event(submitted(), offset=n) for n in range(300)])

    assert calls == [300]
