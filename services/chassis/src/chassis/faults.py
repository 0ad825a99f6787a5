"""Named points at which a test makes this process kill itself, to see what survives.

Armed only by MAILLAGE_FAULT_POINTS, which settings refuse outside tests. `name` kills at the first pass,
`name:3` at the third.
"""

from __future__ import annotations

import os
import signal

_armed: dict[str, int] = {}


def arm(specification: str) -> None:
    """Arm the points named in a comma-separated list; an empty list disarms all."""
    _armed.clear()
    for part in filter(None, specification.split(",")):
        name, _, passes = part.partition(":")
        _armed[name.strip()] = int(passes or 1)


def fault_point(name: str) -> None:
    """Do nothing, or die as if by kill -9 when this point is armed and its turn has come."""
    if not _armed or name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
