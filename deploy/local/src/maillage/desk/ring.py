"""Keep the last so many things over a restart, in files that never grow beyond a bound.

`RingFile` holds lines in segments and forgets the oldest segment; `Box` holds documents by id on top of it, where a
document written again replaces itself. Files are the owner's only: they hold what people were sent. A disk that is
full costs the memory of a restart, never a message.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")

SEGMENTS = 5
"""The bound is kept to a fifth: one segment more than it needs is on disk while the newest one fills."""

log = logging.getLogger(__name__)


class RingFile:
    """At least the last `keep` lines that were appended, at most a fifth more."""

    def __init__(self, folder: Path, name: str, keep: int) -> None:
        self._folder = folder
        self._name = name
        self._lines_max = max(1, keep // SEGMENTS)
        segments = self._segments()
        self._number = int(segments[-1].suffixes[0][1:]) if segments else 0
        self._lines = self._lines_max
        self._complained = False

    def load(self) -> Iterator[str]:
        """Yield the kept lines, oldest first; appending then goes on behind them."""
        for segment in self._segments():
            count = 0
            with segment.open(encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    if not line.endswith("\n"):
                        # Half a line of a process that was killed: nothing may be glued to it.
                        count = self._lines_max
                        break
                    count += 1
                    yield line[:-1]
            self._lines = count

    def append(self, lines: Iterable[str]) -> None:
        """Write lines at the end."""
        try:
            for part in self._parts(list(lines)):
                with open(self._path(), "a", encoding="utf-8", opener=_private) as stream:
                    stream.writelines(f"{line}\n" for line in part)
        except OSError as error:
            if not self._complained:
                log.warning("%s is not kept on disk any more: %s", self._name, error.strerror)
            self._complained = True

    def _parts(self, lines: list[str]) -> Iterator[list[str]]:
        while lines:
            if self._lines >= self._lines_max:
                self._next_segment()
            room = self._lines_max - self._lines
            part, lines = lines[:room], lines[room:]
            self._lines += len(part)
            yield part

    def _next_segment(self) -> None:
        self._number += 1
        self._lines = 0
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in self._segments()[:-SEGMENTS]:
            old.unlink(missing_ok=True)

    def _path(self) -> Path:
        return self._folder / f"{self._name}.{self._number:08}.lines"

    def _segments(self) -> list[Path]:
        return sorted(self._folder.glob(f"{self._name}.[0-9]*.lines"))


class Box(Generic[T]):
    """The last `keep` documents by id, newest last."""

    def __init__(self, file: RingFile, keep: int, decode: Callable[[dict[str, Any]], T]) -> None:
        self._file = file
        self._keep = keep
        self._found: dict[str, T] = {}
        for line in file.load():
            try:
                key, document = json.loads(line)
                self._insert(key, decode(document))
            except (ValueError, TypeError, KeyError):
                continue  # of another version, or half overwritten: what is shown here is replaceable

    def __iter__(self) -> Iterator[T]:
        """Yield the documents, oldest first."""
        return iter(list(self._found.values()))

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: str) -> T | None:
        """Return a document, or None once it was forgotten."""
        return self._found.get(key)

    def put(self, key: str, document: T, encoded: dict[str, Any]) -> None:
        """Add a document, or replace it where it stands."""
        self._insert(key, document)
        self._file.append([json.dumps([key, encoded], ensure_ascii=False)])

    def _insert(self, key: str, document: T) -> None:
        self._found[key] = document
        while len(self._found) > self._keep:
            del self._found[next(iter(self._found))]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
