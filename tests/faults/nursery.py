"""Start processes by forking one that has imported everything: `python -m tests.faults.nursery`.

A service takes over a second of processor to import, and a trial starts several: from here each costs milliseconds and
is a process like any other, with its own memory, signals and sockets. Speaks JSON lines: a request starts a process,
an answer tells its pid and, later, how it ended. Its children die with it, whatever happens.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
import traceback
import warnings
from typing import Any

import territory
from maillage.processes import die_with_parent

PRELOADED = (
    "uvicorn", "uvloop", "httptools", "chassis.serve", "chassis.testing.relay_process",
    "chassis.testing.consumer_process", "referrals.main",
)  # fmt: skip
# None of these makes an id: the generator of uuid_utils would be shared by every child.

REAP_SECONDS = 0.02


def main() -> None:
    """Serve until standard input ends."""
    for name in PRELOADED:
        importlib.import_module(name)
    # The services keep what this reads: half a second for each of them otherwise.
    territory.load()
    gc.collect()
    gc.freeze()
    _say(ready=True)
    pending = b""
    while True:
        if select.select([0], [], [], REAP_SECONDS)[0]:
            read = os.read(0, 65536)
            if not read:
                return
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                _start(json.loads(line))
        _reap()


def _start(request: dict[str, Any]) -> None:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(request, parent)
    _say(id=request["id"], pid=pid)


def _become(request: dict[str, Any], parent: int) -> None:
    code = 1
    try:
        die_with_parent(signal.SIGKILL, parent)()
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = [request["module"], *request["argv"]]
        # The module is imported already: running it again as the program is the point.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001  # whatever it is, it belongs in the log of the child
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say(pid=pid, code=os.waitstatus_to_exitcode(status))


def _say(**words: Any) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    main()
