"""Handle a dead letter again, and then, in order, what waited behind it.

The same event id, so that whatever had been done is not done twice. While a key is being requeued its consumer waits
for it; when the last letter of a key is gone, later events of that key flow again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chassis import dead_letters
from chassis.consumer import Fetched, Processor, describe
from chassis.db import Database, Tx
from chassis.dead_letters import StoredLetter
from chassis.errors import DependencyDown
from chassis.inbox import claim
from chassis.records import Delivery, Ignored, Poison, parse

LETTERS_PER_ROUND = 200
"""Letters handled under one lock; a longer queue takes several rounds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What requeueing did: how many letters were handled, and why it stopped before the end, if it did."""

    handled: int
    stopped_by: str | None = None


async def requeue(processor: Processor, db: Database, letter_id: int, *, value: bytes | None = None) -> Outcome:
    """Handle letter `letter_id` and those behind it; `value` replaces its bytes when they were what was wrong.

    Stops at the first that fails again, which stays with its new cause. DependencyDown is raised with nothing lost.
    """
    handled = 0
    while True:
        async with db.transaction() as tx:
            letters = await dead_letters.read_key(tx, processor.consumer, letter_id, LETTERS_PER_ROUND)
        letters = [_corrected(letter, letter_id, value) for letter in letters]
        if not letters:
            return Outcome(handled)
        done, failure = await _round(processor, db, letters)
        handled += done
        if failure is not None:
            return Outcome(handled, failure)
        following = await _next(db, processor.consumer, letters[-1])
        if following is None:
            return Outcome(handled)
        letter_id, value = following, None


def _corrected(letter: StoredLetter, letter_id: int, value: bytes | None) -> StoredLetter:
    if value is None or letter.id != letter_id:
        return letter
    return replace(letter, source=replace(letter.source, value=value))


async def _next(db: Database, consumer: str, last: StoredLetter) -> int | None:
    if last.source.key is None:
        return None
    async with db.connection() as connection:
        found: int | None = await connection.fetchval(
            "SELECT min(id) FROM dead_letters WHERE consumer = $1 AND md5(key) = md5($2::bytea) AND key = $2::bytea",
            consumer,
            last.source.key,
        )
        return found


async def _round(processor: Processor, db: Database, letters: list[StoredLetter]) -> tuple[int, str | None]:
    parsed = [(letter, parse(letter.source)) for letter in letters]
    deliveries = [item for _, item in parsed if isinstance(item, Delivery)]
    fetched = await processor.fetch(deliveries)
    done = 0
    async with db.transaction() as tx:
        if letters[0].source.key is not None:
            await dead_letters.lock_keys(tx, processor.consumer, [letters[0].source.key])
        for letter, item in parsed:
            if isinstance(item, Poison):
                await dead_letters.failed_again(tx, letter.id, item.cause)
                return done, item.cause
            if not isinstance(item, Ignored):
                failure = await _handle(processor, tx, item, fetched)
                if failure is not None:
                    await dead_letters.failed_again(tx, letter.id, failure)
                    return done, failure
            done += await dead_letters.forget(tx, letter.id)
    return done, None


async def _handle(processor: Processor, tx: Tx, item: Delivery, fetched: Fetched) -> str | None:
    try:
        # A savepoint: what this letter did is undone when it fails, what earlier ones did stays.
        async with tx.transaction():
            if await claim(tx, consumer=processor.consumer, event_ids=[item.envelope.id]):
                await processor.run(tx, [item], fetched)
    except DependencyDown:
        raise
    except Exception as error:
        return describe(error)
    return None
