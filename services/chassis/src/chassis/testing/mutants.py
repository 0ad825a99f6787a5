"""Ways to break the durable path on purpose, inside test processes only: the fault rig must notice every one of them.

MAILLAGE_TEST_MUTANT names one. A name that the chassis no longer has ends the process at once (AttributeError), so that
no mutant quietly becomes the product.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch
from uuid import UUID

import chassis.consumer
import chassis.relay
import chassis.subscribe
from chassis.lanes import Lanes, Row
from chassis.relay import Relay
from chassis.relay_sql import TAKE

VARIABLE = "MAILLAGE_TEST_MUTANT"


def inbox_removed() -> None:
    """Every event counts as new."""

    async def claim(_: Any, *, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
        return set(event_ids)

    patch.object(chassis.consumer, "claim", claim).start()


def lease_removed() -> None:
    """Every relay sends, without waiting for its turn."""

    async def at_once(*_: Any) -> None:
        return None

    patch.object(Relay, "_wait_for_lease", at_once).start()


def order_removed() -> None:
    """Rows are taken in no order."""
    unordered = TAKE.replace("ORDER BY position", "ORDER BY md5(position::text)")
    assert unordered != TAKE, "the relay's statement is not the one that this mutant knows"
    patch.object(chassis.relay, "TAKE", unordered).start()


def offset_first() -> None:
    """The offset is committed before the batch is handled."""
    process = chassis.subscribe._process

    async def acknowledged_first(processor: Any, message: Any) -> bool:
        await message.ack()
        return await process(processor, message)

    patch.object(chassis.subscribe, "_process", acknowledged_first).start()


def delete_first() -> None:
    """A row is deleted when it is taken, not when Kafka has it."""
    add = Lanes.add

    def add_and_forget(self: Lanes, row: Row) -> None:
        add(self, row)
        self._acknowledged.append(row.position)

    patch.object(Lanes, "add", add_and_forget).start()


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant for mutant in (inbox_removed, lease_removed, order_removed, offset_first, delete_first)
}


def become_mutant() -> None:
    """Apply the mutant that the environment names, if any."""
    name = os.environ.get(VARIABLE, "")
    if name:
        MUTANTS[name]()
