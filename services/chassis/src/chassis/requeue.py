"""Handle a dead letter again, and then, in order, what waited behind it.

The same event id, so that whatever had been done is not done twice. While a key is being requeued its consumer waits
for it; when the last letter of a key is gone, later events of that key flow again. A rehearsal does the same work and
undoes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chassis import dead_letters
from chassis.consumer import Fetched, Processor, describe
from chassis.db import Database, Tx
from chassis.dead_letters import StoredLetter
from chassis.errors import DependencyDown
from chassis.inbox import claim
from chassis.records import Delivery, Poison, parse

LETTERS_PER_ROUND = 200
"""Letters handled under one lock; a longer queue takes several rounds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What requeueing did: how many letters were handled, and why it stopped before the end, and where, if it did."""

    handled: int
    stopped_by: str | None = None
    stopped_at: int | None = None


@dataclass(slots=True)
class Page:
    """What was done with several keys, one after the other; `cursor` is the last letter taken up."""

    cursor: int
    keys: int = 0
    handled: int = 0
    stopped: list[Outcome] = field(default_factory=list)
    waits_for: str | None = None
    """What does not answer: the key that needs it is the next page's first."""

    async def take(self, processor: Processor | None, db: Database, letter_id: int, *, dry_run: bool) -> bool:
        """Handle one key, or rehearse it; return whether to go on. Letters of a consumer that is gone are passed."""
        try:
            if processor is not None:
                work = rehearse if dry_run else requeue
                outcome = await work(processor, db, letter_id)
                self.handled += outcome.handled
                self.stopped += [outcome] if outcome.stopped_by is not None else []
        except DependencyDown as error:
            self.waits_for = str(error)
            return False
        self.keys += 1
        self.cursor = letter_id
        return True


class _Undone(Exception):
    """Rolls a rehearsal back."""


async def requeue(processor: Processor, db: Database, letter_id: int) -> Outcome:
    """Handle letter `letter_id`, those of its key before it, and those behind it.

    Stops at the first that fails again, which stays with its new cause. DependencyDown is raised with nothing lost.
    """
    handled = 0
    while True:
        letters = await _read(processor, db, letter_id)
        if not letters:
            return Outcome(handled)
        fetched = await _fetch(processor, letters)
        async with db.transaction() as tx:
            outcome = await _round(processor, tx, letters, fetched)
        handled += outcome.handled
        if outcome.stopped_by is not None:
            return Outcome(handled, outcome.stopped_by, outcome.stopped_at)
        following = await _next(db, processor.consumer, letters[-1])
        if following is None:
            return Outcome(handled)
        letter_id = following


async def rehearse(processor: Processor, db: Database, letter_id: int) -> Outcome:
    """Return what `requeue` would do with the first LETTERS_PER_ROUND letters of the key; nothing is kept of it.

    Claim checks are made, since the outcome depends on them.
    """
    letters = await _read(processor, db, letter_id)
    if not letters:
        return Outcome(0)
    fetched = await _fetch(processor, letters)
    outcome = Outcome(0)
    try:
        async with db.transaction() as tx:
            outcome = await _round(processor, tx, letters, fetched)
            raise _Undone
    except _Undone:
        return outcome


async def _read(processor: Processor, db: Database, letter_id: int) -> list[StoredLetter]:
    async with db.transaction() as tx:
        return await dead_letters.read_key(tx, processor.consumer, letter_id, LETTERS_PER_ROUND)


async def _fetch(processor: Processor, letters: list[StoredLetter]) -> Fetched:
    parsed = (parse(letter.source) for letter in letters)
    return await processor.fetch([item for item in parsed if isinstance(item, Delivery)])


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


async def _round(processor: Processor, tx: Tx, letters: list[StoredLetter], fetched: Fetched) -> Outcome:
    done = 0
    if letters[0].source.key is not None:
        await dead_letters.lock_keys(tx, processor.consumer, [letters[0].source.key])
    for letter in letters:
        item = parse(letter.source)
        failure = item.cause if isinstance(item, Poison) else None
        if isinstance(item, Delivery):
            failure = await _handle(processor, tx, item, fetched)
        if failure is not None:
            await dead_letters.failed_again(tx, letter.id, failure)
            return Outcome(done, failure, letter.id)
        done += await dead_letters.forget(tx, letter.id)
    return Outcome(done)


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
