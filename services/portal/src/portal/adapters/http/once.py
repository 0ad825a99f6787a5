"""What is shown only once, for whoever pressed twice: an answer that holds a secret, kept one minute under its form.

Without scripts a doubled click sends a form twice and the browser shows the second answer only: the secret would be
lost. Each such form bears a name of its own, and pressing it again within the minute gives the same answer. Nothing of
it is stored: it stays in this process's memory, and another process answers that it was shown already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

T = TypeVar("T")
KEPT_SECONDS = 60.0
KEPT_MAX = 200


class ShownOnce:
    """Answers of one process, each for a minute."""

    def __init__(self) -> None:
        self._answers: dict[bytes, asyncio.Task[Any]] = {}

    async def answer(self, *form: str, make: Callable[[], Awaitable[T]]) -> T:
        """Return what `make` gave for this form, called once; a failure is not kept, so that it can be tried again."""
        key = sha256("\n".join(form).encode("utf-8")).digest()
        task: asyncio.Task[T] | None = self._answers.get(key)
        if task is None:
            task = asyncio.ensure_future(_run(make))
            while len(self._answers) >= KEPT_MAX:
                self._answers.pop(next(iter(self._answers)))
            self._answers[key] = task
            task.add_done_callback(partial(self._keep, key))
        # Shielded: the browser gives up the first of two requests, and must find its answer with the second.
        return await asyncio.shield(task)

    def _keep(self, key: bytes, task: asyncio.Task[Any]) -> None:
        if task.cancelled() or task.exception() is not None:
            # Whoever still waits is told; where nobody does, the next press tries again and meets it, if it lasts.
            self._forget(key, task)
        else:
            asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget, key, task)

    def _forget(self, key: bytes, task: asyncio.Task[Any]) -> None:
        if self._answers.get(key) is task:
            del self._answers[key]


async def _run(make: Callable[[], Awaitable[T]]) -> T:
    return await make()
