"""Run a partner's own validator over events that really came, and count what it refuses.

The validator is a program: for each line it reads (one JSON CloudEvent) it writes one line. `ok`, `true` or
`{"valid": true}` accepts; anything else refuses, and `{"valid": false, "path": "data.status"}` says where. Of what it
says only such a path is repeated: its other words may hold what the event holds. Events go through one at a time, so
memory does not grow with them.
"""

from __future__ import annotations

import contextlib
import json
import re
import selectors
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO

from maillage_contracts.errors import ContractError

VERDICT_SECONDS = 30.0
"""How long a validator may think about one event."""
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}(?:(?:\.[A-Za-z_][A-Za-z0-9_]{0,40})|\[\]){0,10}")
UNPLACED = "(event)"


@dataclass
class Verdicts:
    """What a validator said, by event type."""

    events: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(type, path), and how many events were refused there."""

    @property
    def harmless(self) -> bool:
        """Whether nothing was refused."""
        return not self.refused


def try_validator(command: Sequence[str], lines: Iterable[str]) -> Verdicts:
    """Show each line to the validator and count its verdicts; raises ContractError where it does not play its part."""
    found = Verdicts()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    ) as process:
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    _show(process, line.strip(), number, found)
        finally:
            process.kill()
            # What it did not read is still held, and closing would try to hand it over.
            with contextlib.suppress(BrokenPipeError):
                _input_of(process).close()
    return found


def _input_of(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None  # a pipe
    return process.stdin


def _show(process: subprocess.Popen[str], line: str, number: int, found: Verdicts) -> None:
    kind = str(json.loads(line).get("type"))
    given = _input_of(process)
    assert process.stdout is not None  # a pipe
    try:
        given.write(line + "\n")
        given.flush()
    except BrokenPipeError:
        raise ContractError(f"the validator ended before event {number}") from None
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        if not waiting.select(VERDICT_SECONDS):
            raise ContractError(f"the validator said nothing about event {number}; it has to flush after each line")
    verdict = process.stdout.readline()
    if not verdict:
        raise ContractError(f"the validator ended at event {number}")
    found.events[kind] += 1
    place = _refused_at(verdict.strip())
    if place is not None:
        found.refused[kind] += 1
        found.places[kind, place] += 1


def _refused_at(verdict: str) -> str | None:
    if verdict.lower() in ("ok", "true"):
        return None
    try:
        said = json.loads(verdict)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return UNPLACED
    if said.get("valid") is True:
        return None
    path = said.get("path")
    return path if isinstance(path, str) and _PATH.fullmatch(path) else UNPLACED
