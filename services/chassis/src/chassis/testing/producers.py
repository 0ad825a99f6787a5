"""A producer without a broker, for tests of what stands before it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from chassis.producers import T


class Acknowledging:
    """Acknowledges at once whatever it is given, and remembers how many batches that were."""

    def __init__(self) -> None:
        self.batches = 0

    async def get(self) -> Any:
        return self

    async def replace(self, broken: Any) -> None:
        return None

    async def ask(self, producer: Any, work: Coroutine[Any, Any, T]) -> T:
        return await work

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> Any:
        return self

    def append(self, **_: Any) -> object:
        return self

    async def send_batch(self, *_: Any, **__: Any) -> Any:
        self.batches += 1
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done
