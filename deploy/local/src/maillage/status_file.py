"""What runs, written by the supervisor for everybody else: `.maillage/run/status.json`.

Replaced atomically at every change, so a reader never sees half of it. It also names each process precisely enough for
the next supervisor to end what a killed one left behind.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from signal import Signals
from typing import Any, Literal

from maillage.processes import Identity

State = Literal["starting", "ready", "restarting", "stopped", "external"]


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One server or service as the supervisor last knew it."""

    name: str
    kind: Literal["server", "service"]
    state: State
    url: str
    log_file: str
    pid: int | None = None
    started: int | None = None
    ready: bool = False
    version: str = ""
    restarts: int = 0
    stop_signal: int = int(Signals.SIGTERM)
    optional: bool = False
    reason: str = ""
    """Why it is not ready, where it says so; only in what is shown."""

    def shown(self) -> dict[str, Any]:
        """Return the part as `maillage status --json` prints it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "pid": self.pid,
            "url": self.url,
            "ready": self.ready,
            "reason": self.reason,
            "version": self.version,
            "log_file": self.log_file,
            "restarts": self.restarts,
            "optional": self.optional,
        }


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One whole status: who supervises, and every part."""

    supervisor_pid: int
    supervisor_started: int
    boot: str
    ready: bool
    parts: tuple[PartStatus, ...]

    @property
    def supervisor(self) -> Identity:
        return Identity(self.supervisor_pid, self.supervisor_started, self.boot)

    def processes(self) -> dict[Identity, Signals]:
        """Return every child process named here with the signal that stops it properly."""
        return {
            Identity(part.pid, part.started, self.boot): Signals(part.stop_signal)
            for part in self.parts
            if part.pid is not None and part.started is not None
        }

    def without_processes(self) -> Snapshot:
        """Return the same parts as stopped: what remains true once everything ended."""
        return replace(
            self,
            ready=False,
            parts=tuple(replace(part, pid=None, started=None, ready=False, state="stopped") for part in self.parts),
        )


class StatusFile:
    """The file itself."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, supervisor: Identity, parts: Sequence[PartStatus], *, ready: bool) -> None:
        """Replace the status; a full disk must not stop what runs, so it is not an error here."""
        snapshot = Snapshot(supervisor.pid, supervisor.started, supervisor.boot, ready, tuple(parts))
        draft = self.path.with_suffix(".new")
        try:
            draft.write_text(json.dumps(asdict(snapshot), indent=2) + "\n", encoding="utf-8")
            os.replace(draft, self.path)
        except OSError:
            return

    def read(self) -> Snapshot | None:
        """Return the last status written, or None when there is none that can be read."""
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            parts = tuple(PartStatus(**part) for part in document.pop("parts"))
            return Snapshot(parts=parts, **document)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
