"""A foreground process, described but not started: the supervisor owns every child."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import TypeAlias

Report: TypeAlias = Callable[[str], None]
"""Receives one line for the person who waits; may be called from another thread."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute, where its output goes, and as whom; `user` None keeps the caller's account."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log_file: Path
    user: int | None = None
    group: int | None = None
    stop_signal: Signals = SIGTERM
    """Asks for a clean end that does not wait for clients."""
    death_signal: Signals = SIGKILL
    """What the kernel should send it when the supervisor is killed."""
