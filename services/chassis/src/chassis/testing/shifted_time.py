"""Give a test process another time of day, as a machine with a wrong clock has.

MAILLAGE_CLOCK_FILE holds the seconds by which it is ahead (chassis.clock.ShiftedClock). Here `time.time` follows it
too: client libraries stamp their records by it.
"""

from __future__ import annotations

import time
from pathlib import Path
from unittest.mock import patch

from chassis.clock import Clock, ShiftedClock, SystemClock


def clock_of(file: Path | None) -> Clock:
    """Return the process's clock, and make `time.time` agree with it when a file moves it."""
    if file is None:
        return SystemClock()
    clock = ShiftedClock(file)
    patch.object(time, "time", lambda: clock.now().timestamp()).start()
    return clock
