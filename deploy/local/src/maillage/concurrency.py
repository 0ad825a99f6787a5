"""Work side by side where the first failure is the one told, and nothing keeps the terminal."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
PREPARATION = "preparation"
"""Name of the threads that prepare something."""


async def together(*works: Coroutine[Any, Any, T]) -> list[T]:
    """Run all at once and return their results in order; at the first failure cancel the rest and raise it."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """Run blocking work beside the loop, in a thread that a stop does not wait for (a download, for instance)."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if outcome.cancelled():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(value)  # type: ignore[arg-type]  # the value of a T is a T, None included

    def run() -> None:
        value: T | None = None
        failure: BaseException | None = None
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 (handed whole to whoever awaits)
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=run, name=PREPARATION, daemon=True).start()
    return await outcome


def leave(code: int) -> None:
    """End the process now if a preparation still runs in another thread: what it writes is complete or absent.

    Returns where there is none, for the ordinary end. Without this a download would keep the terminal after Ctrl-C.
    """
    if any(thread.name == PREPARATION for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
