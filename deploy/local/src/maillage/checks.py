"""One finding of `maillage doctor`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and what to do about it (empty when nothing)."""

    name: str
    level: Literal["ok", "warn", "fail"]
    text: str
    remedy: str = ""

    def document(self) -> dict[str, str]:
        """Return the check as `--json` prints it."""
        return asdict(self)


def ok(name: str, text: str) -> Check:
    """Return a finding that asks for nothing."""
    return Check(name, "ok", text)


def warn(name: str, text: str, remedy: str) -> Check:
    """Return a finding that may become a problem."""
    return Check(name, "warn", text, remedy)


def fail(name: str, text: str, remedy: str) -> Check:
    """Return a finding that stops Maillage or a part of it."""
    return Check(name, "fail", text, remedy)
