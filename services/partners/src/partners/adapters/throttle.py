"""Bounds guessing at client secrets: failures are counted by client and address, in this process's memory.

A client that fails elsewhere is not affected, so nobody can shut another organisation out by guessing for it. With
secrets of 256 bits this protects the log and the database more than the secret.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TypeAlias

from chassis.clock import Clock

FAILURES_MAX = 10
WINDOW = timedelta(seconds=60)
"""After FAILURES_MAX failures the address waits until the window that began with the first is over."""

PAIRS_MAX = 10_000
"""Pairs remembered; the oldest goes first. About 2 MiB."""

_Key: TypeAlias = bytes


class Throttle:
    """Failures of the last minute."""

    def __init__(self, clock: Clock, most: int = FAILURES_MAX, window: timedelta = WINDOW) -> None:
        self._clock = clock
        self._most = most
        self._window = window
        self._failures: OrderedDict[_Key, tuple[datetime, int]] = OrderedDict()

    def wait_seconds(self, client_id: str, address: str) -> int:
        """Return how long this address must wait before it may try this client again; 0 for now."""
        since, count = self._failures.get(_key(client_id, address), (self._clock.now(), 0))
        left = (since + self._window - self._clock.now()).total_seconds()
        return math.ceil(left) if count >= self._most and left > 0 else 0

    def failed(self, client_id: str, address: str) -> None:
        """Count a failed attempt."""
        key, now = _key(client_id, address), self._clock.now()
        since, count = self._failures.get(key, (now, 0))
        if now - since >= self._window:
            since, count = now, 0
        self._failures[key] = (since, count + 1)
        while len(self._failures) > PAIRS_MAX:
            self._failures.popitem(last=False)


def _key(client_id: str, address: str) -> _Key:
    # Hashed: a client id may be as long as a body, and memory must not grow with it.
    return hashlib.blake2b(f"{client_id}\x00{address}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
