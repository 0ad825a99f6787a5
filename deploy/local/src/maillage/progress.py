"""Tell the person at the terminal what happens, one line a step, with the time since the start.

A reader that went away (`make run | head`) never stops what runs.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Lines for a person: French first, English after a middle dot."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out: TextIO | None = out if out is not None else sys.stdout
        self._start = time.monotonic()

    def step(self, text: str) -> None:
        """Print one step with the time since the start."""
        self.line(f"{seconds(time.monotonic() - self._start):>8}  {text}")

    def line(self, text: str = "") -> None:
        """Print a line as it is, at once."""
        if self._out is None:
            return
        try:
            self._out.write(f"{text}\n")
            self._out.flush()
        except (OSError, ValueError):
            # Closed pipe or closed stream: from now on there is nobody to tell.
            self._out = None


def seconds(value: float) -> str:
    """Write a duration as French readers do: `12,3 s`."""
    return f"{value:.1f} s".replace(".", ",")
