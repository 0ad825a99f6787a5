"""What was read of a stream, on disk: 16 bytes an event, so that having read everything can be proved.

Positions are gapless, so the id of event n is at offset 16 × (n - 1) and what was never read is zeros. The digest of
a run of positions is SHA-256 over its ids in order, which is what `GET /feed/digest` answers for each day.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from uuid import UUID

ID_BYTES = 16
_CHUNK_IDS = 65_536
"""1 MiB at a time, whatever the length of a day."""
_NOTHING = bytes(ID_BYTES)


class ReadLog:
    """The ids of the events that were read, by position. One process writes it."""

    def __init__(self, path: Path | str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def note(self, sequence: int, event_id: UUID) -> None:
        """Remember that this event was read; noting it again changes nothing."""
        os.pwrite(self._file, event_id.bytes, ID_BYTES * (sequence - 1))

    def first(self) -> int | None:
        """Return the lowest position that was read, or None."""
        end = os.fstat(self._file).st_size // ID_BYTES
        for start, ids in self._chunks(1, end):
            for at in range(0, len(ids), ID_BYTES):
                if ids[at : at + ID_BYTES] != _NOTHING:
                    return start + at // ID_BYTES
        return None

    def digest(self, first: int, last: int) -> str:
        """Return the SHA-256, in hexadecimal, of the ids from `first` to `last`."""
        running = hashlib.sha256()
        for _, ids in self._chunks(first, last):
            running.update(ids)
        return running.hexdigest()

    def missing(self, first: int, last: int) -> Iterator[int]:
        """Yield the positions from `first` to `last` that were never read."""
        for start, ids in self._chunks(first, last):
            for at in range(0, len(ids), ID_BYTES):
                if ids[at : at + ID_BYTES] == _NOTHING:
                    yield start + at // ID_BYTES

    def _chunks(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        for start in range(first, last + 1, _CHUNK_IDS):
            wanted = ID_BYTES * (min(last + 1, start + _CHUNK_IDS) - start)
            yield start, os.pread(self._file, wanted, ID_BYTES * (start - 1)).ljust(wanted, b"\0")
