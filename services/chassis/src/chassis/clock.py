"""The Clock port: the only place that asks the machine for the time.

Everything that depends on days (timers, token expiry, "in the future") takes a Clock, so that tests move time
instead of waiting for it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Anything that can tell the present instant, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class MovableClock:
    """A clock that stands still until it is moved; for tests and for the sandbox."""

    def __init__(self, at: datetime) -> None:
        self._now = at

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta) -> None:
        """Move forward by `step`."""
        self._now += step


class ShiftedClock:
    """The machine's clock, moved by the seconds that a file holds: tests move every process of a stack at once.

    An empty or absent file moves nothing. What is not a number keeps the shift known before: a reader may meet the file
    half written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[int, int, int] | None = None
        self._shift = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._shift_now()

    def _shift_now(self) -> timedelta:
        # One system call (2 µs); the file is read again only when another one took its place or it was written.
        try:
            found = self._file.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen != self._read:
                self._shift = timedelta(seconds=float(self._file.read_text(encoding="ascii").strip() or 0))
                self._read = seen
        except FileNotFoundError:
            self._shift, self._read = timedelta(0), None
        except (ValueError, OverflowError, OSError):
            pass
        return self._shift
