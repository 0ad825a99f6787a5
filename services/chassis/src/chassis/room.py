"""How much of the outbox a relay holds in memory: bounded in rows and in bytes, and shared between topics.

A topic may hold what is left free and no more, so however many topics do not drain, the next one finds room. Counting
rows alone would not bound the process: one row may hold nine hundred kilobytes.
"""

from __future__ import annotations

from typing import Final

ROWS_MAX: Final = 6_000
BYTES_MAX: Final = 32 * 1024 * 1024
"""With rows of 1 KiB the first limit counts, with large ones the second."""

TOPIC_ROWS_MAX: Final = 2_000
TOPIC_BYTES_MAX: Final = 8 * 1024 * 1024
TAKE_ROWS: Final = 1_000
"""Rows per round trip: at 1 KiB a row, about one request's worth."""

TAKE_BYTES: Final = 4 * 1024 * 1024


class Room:
    """Counts what is held, by topic."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._free_rows = ROWS_MAX
        self._free_bytes = BYTES_MAX

    def enter(self, topic: str, size: int) -> None:
        """Count a row of `size` bytes."""
        self._count(topic, 1, size)

    def leave(self, topic: str, size: int) -> None:
        """Count it no longer."""
        self._count(topic, -1, -size)

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._bytes.clear()
        self._free_rows, self._free_bytes = ROWS_MAX, BYTES_MAX

    def _count(self, topic: str, rows: int, size: int) -> None:
        self._rows[topic] = self._rows.get(topic, 0) + rows
        self._bytes[topic] = self._bytes.get(topic, 0) + size
        self._free_rows -= rows
        self._free_bytes -= size

    def to_take(self) -> tuple[int, int]:
        """Return how many rows, and about how many bytes, may be taken at once: half of what is free at most."""
        return min(TAKE_ROWS, (self._free_rows + 1) // 2), min(TAKE_BYTES, (self._free_bytes + 1) // 2)

    def full_topics(self) -> list[str]:
        """Return the topics that hold as much as they may."""
        rows_max, bytes_max = min(TOPIC_ROWS_MAX, self._free_rows), min(TOPIC_BYTES_MAX, self._free_bytes)
        return [
            topic
            for topic, rows in self._rows.items()
            if rows and (rows >= rows_max or self._bytes[topic] >= bytes_max)
        ]
