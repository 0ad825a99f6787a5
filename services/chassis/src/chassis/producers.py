"""What the relay asks of whoever gives it a producer."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaProducer

T = TypeVar("T")


class ProducerReplaced(Exception):
    """The producer that was asked has been closed: what it was given may have arrived or not."""


class ProducerSource(Protocol):
    """Gives a started producer, waiting for the broker as long as it takes; all lanes share it."""

    async def get(self) -> AIOKafkaProducer: ...

    async def replace(self, broken: AIOKafkaProducer) -> None: ...

    async def ask(self, producer: AIOKafkaProducer, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work`, which waits for this producer, returns; raise ProducerReplaced once it is closed."""
        ...
