"""Tell the person at the terminal what happens, one line a step, with the time since the start.

A reader that went away (`make run | head`) never stops what runs.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO


class Progress:
    """Lines for a person: French first, English after a middle dot."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out: TextIO = out if out is not None else sys.stdout
        self._start = time.monotonic()

    def step(self, text: str) -> None:
        """Print one step with the time since the start."""
        self.line(f"{seconds(time.monotonic() - self._start):>8}  {text}")

    def line(self, text: str = "") -> None:
        """Print a line as it is, at once."""
        try:
            self._out.write(f"{text}\n")
            self._out.flush()
        except OSError:
            # Closed pipe: from now on there is nobody to tell, not even at exit, when the interpreter flushes.
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                os.dup2(nowhere.fileno(), self._out.fileno())


def seconds(value: float) -> str:
    """Write a duration as French readers do: `12,3 s`."""
    return f"{value:.1f} s".replace(".", ",")
