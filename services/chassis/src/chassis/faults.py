"""Named points at which a test makes this process die or stop, to see what survives.

Armed only by MAILLAGE_FAULT_POINTS, which settings refuse outside tests. `name` kills at the first pass, `name:3` at
the third; `name:3:stop` stops the process there instead (SIGSTOP), for whoever continues it to see a zombie wake.
"""

from __future__ import annotations

import os
import signal

_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

_armed: dict[str, tuple[int, signal.Signals]] = {}


def arm(specification: str) -> None:
    """Arm the points named in a comma-separated list; an empty list disarms all."""
    _armed.clear()
    for part in filter(None, specification.split(",")):
        name, _, rest = part.strip().partition(":")
        passes, _, how = rest.partition(":")
        _armed[name] = (int(passes or 1), _SIGNALS[how or "kill"])


def fault_point(name: str) -> None:
    """Do nothing, or die (or stop) as if by a signal from outside when this point is armed and its turn has come."""
    if not _armed or name not in _armed:
        return
    passes, number = _armed[name]
    if passes > 1:
        _armed[name] = (passes - 1, number)
        return
    # Whoever is continued goes on for good.
    del _armed[name]
    os.kill(os.getpid(), number)
