"""What the couriers' loop writes, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from partners.adapters.postgres import webhook_work as work
from partners.adapters.webhooks import couriers as loop
from partners.adapters.webhooks.courier import Courier, Item, Lease
from partners.domain.webhook import Answer

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


class Tx:
    def __init__(self, old: int = 0) -> None:
        self.old = old
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    async def fetch(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        self.asked.append((sql, values))
        return [{"webhook_id": UUID(int=1), "revision": 1}] if sql == work.PROGRESS else []

    async def execute(self, sql: str, *values: Any) -> str:
        self.asked.append((sql, values))
        if "DELETE" not in sql:
            return "INSERT 0 0"
        gone = min(self.old, values[-1])
        self.old -= gone
        return f"DELETE {gone}"


def couriers(tx: Tx, meanwhile: Callable[[], None] = lambda: None) -> loop.Couriers:
    @asynccontextmanager
    async def begin() -> AsyncIterator[Tx]:
        meanwhile()
        yield tx

    clock = SimpleNamespace(now=lambda: NOW)
    runtime = SimpleNamespace(background_db=SimpleNamespace(transaction=begin, connection=begin), clock=clock)
    return loop.Couriers(cast(Any, runtime), cast(Any, None), cast(Any, None), loop.WebhookDoorbell())


async def test_a_refusal_while_a_connection_is_waited_for_leaves_the_position_before_its_event() -> None:
    lease = Lease(UUID(int=1), UUID(int=2), "cd93", "https://x.example.org/", None, 0, None, None, 0, None, None, 1, 1)
    courier, tx = Courier(lease, [], [], NOW), Tx()
    courier.proven = True
    items = [Item(n, False, UUID(int=n), "t", str(n)) for n in (1, 2)]
    courier.take(courier.live, items, whole=True, now=NOW)
    one, two = courier.next_item(NOW), courier.next_item(NOW)
    assert one is not None
    assert two is not None
    courier.answered(two, Answer("delivered", 204), NOW, NOW)
    loop_ = couriers(tx, lambda: courier.answered(one, Answer("status", 500), NOW, NOW))
    loop_._couriers = [courier]

    await loop_._settle(NOW)

    written = next(values for sql, values in tx.asked if sql == work.PROGRESS)
    assert (written[3], written[5]) == ([0], [0])
    assert list(courier.changes.stored) == [(1, False)]


async def test_old_attempts_go_round_after_round_until_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PURGE_ROWS", 10)
    tx = Tx(old=25)
    loop_ = couriers(tx)
    loop_._purged_at = -loop.PURGE_SECONDS

    left = []
    for _ in range(4):
        await loop_._round()
        left.append(tx.old)

    assert left == [15, 5, 0, 0]
    assert sum("DELETE" in sql for sql, _ in tx.asked) == 3
