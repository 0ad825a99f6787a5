"""Give a test process another time of day, as a machine with a wrong clock has.

MAILLAGE_CLOCK_FILE holds the seconds by which it is ahead (chassis.clock.ShiftedClock). Here `time.time` follows it
too, and so do the dates of records, which aiokafka takes from the system in C.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiokafka.producer.message_accumulator import BatchBuilder

from chassis.clock import Clock, ShiftedClock, SystemClock


def clock_of(file: Path | None) -> Clock:
    """Return the process's clock, and make `time.time` agree with it when a file moves it."""
    if file is None:
        return SystemClock()
    clock = ShiftedClock(file)
    patch.object(time, "time", lambda: clock.now().timestamp()).start()
    append = BatchBuilder.append

    def dated(self: BatchBuilder, *, timestamp: int | None, **record: Any) -> Any:
        return append(self, timestamp=timestamp or int(clock.now().timestamp() * 1000), **record)

    patch.object(BatchBuilder, "append", dated).start()
    return clock
