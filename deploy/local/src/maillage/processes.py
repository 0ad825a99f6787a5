"""Start child processes that cannot outlive us, and recognise them again after we were killed.

The kernel ends every child when this process ends, however it ends (PR_SET_PDEATHSIG). That holds only for children
started from the main thread: the signal follows the thread that forked. A child is named by pid, start time and boot,
so that a pid reused by a stranger is never signalled.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from maillage.stack.command import Command

PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>."""

LOG_BYTES_MAX = 20 * 1024 * 1024
"""A part's log is put aside (one older copy kept) when it is larger than this at start."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, once: the pid alone is reused."""

    pid: int
    started: int
    """Clock ticks after boot, field 22 of /proc/<pid>/stat."""
    boot: str

    def alive(self) -> bool:
        """Tell whether this very process still runs; a zombie does not."""
        return identify(self.pid) == self

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the process and what it started, if it is still this one."""
        if self.alive():
            signal_group(self.pid, number)


def identify(pid: int) -> Identity | None:
    """Return who runs under `pid` now, or None when nobody does."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name, in parentheses, may itself contain blanks and parentheses: read after the last one.
    fields = text[text.rindex(")") + 2 :].split()
    if fields[0] in {"Z", "X"}:
        return None
    return Identity(pid, int(fields[19]), boot_id())


def boot_id() -> str:
    """Return this boot's identifier: start times from before a reboot mean nothing after it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal a process group that we started; gone already is fine."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def die_with_parent(number: signal.Signals, parent: int | None = None) -> Callable[[], None]:
    """Return what to run in a forked child so that it receives `number` when its parent ends."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    expected = os.getpid() if parent is None else parent
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        # The parent may have ended between fork and prctl, and then no signal would ever come.
        if os.getppid() != expected:
            os._exit(1)

    return prepare


async def spawn(what: Command) -> asyncio.subprocess.Process:
    """Start `what` in its own session, its output appended to its log, bound to our life by its death signal."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children must be started from the main thread: their death signal follows it")
    with open_log(what.log_file) as log:
        return await asyncio.create_subprocess_exec(
            *what.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(what.env),
            cwd=what.cwd,
            user=what.user,
            group=what.group,
            extra_groups=None if what.user is None else [],
            # Ctrl-C reaches the whole foreground group; only the supervisor may decide the order of stopping.
            start_new_session=True,
            preexec_fn=die_with_parent(what.death_signal),
        )


def open_log(path: Path) -> LogFile:
    """Open a part's log for appending, putting an over-long one aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_suffix(path.suffix + ".1"))
    return LogFile(path)


class LogFile:
    """A descriptor for a child's output; ours is closed as soon as the child has its copy."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def end_leftovers(leftovers: Mapping[Identity, signal.Signals], patience_seconds: float = 5.0) -> int:
    """End processes of an earlier supervisor that was killed, each by its own signal first; return how many."""
    alive = [identity for identity in leftovers if identity.alive()]
    for forced in (False, True):
        for identity in alive:
            identity.signal_group(signal.SIGKILL if forced else leftovers[identity])
        deadline = time.monotonic() + patience_seconds
        while any(identity.alive() for identity in alive) and time.monotonic() < deadline:
            time.sleep(0.05)
    return len(alive)
