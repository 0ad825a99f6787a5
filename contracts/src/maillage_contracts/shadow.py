"""Run a proposed schema over events that really came, and say what it would have broken.

Needs jsonschema: `pip install "maillage-contracts[shadow]"`. The events are a file of `GET /feed/export?format=jsonl`.
The report names fields and rules and counts events; it repeats nothing of what an event holds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from maillage_contracts.compat import Finding, check
from maillage_contracts.errors import ContractError
from maillage_contracts.registry import MODELS, dataschema_of
from maillage_contracts.schema import schema_for

try:
    from jsonschema import Draft202012Validator
except ImportError:
    raise ImportError('a shadow run needs jsonschema: pip install "maillage-contracts[shadow]"') from None


@dataclass
class Report:
    """What a proposed schema would have done."""

    events: int = 0
    """Events of this type that were tried."""
    refused: int = 0
    places: Counter[str] = field(default_factory=Counter)
    """`<field>: <rule>`, and how many events it would have refused."""
    findings: tuple[Finding, ...] = ()
    """What the compatibility gate says of the change, events or not."""

    @property
    def harmless(self) -> bool:
        """Whether nothing speaks against the proposal."""
        return not self.refused and not self.findings


def shadow(proposed: Mapping[str, Any], lines: Iterable[bytes | str]) -> Report:
    """Try a proposed schema on the events, one JSON CloudEvent a line, whose `dataschema` is its `$id`.

    Raises ContractError where the schema is of no type that there is, or a line is no JSON object.
    """
    ce_type = next((name for name in MODELS if dataschema_of(name) == proposed.get("$id")), None)
    if ce_type is None:
        raise ContractError("the schema's $id is that of no event type")
    validator = Draft202012Validator(dict(proposed), format_checker=Draft202012Validator.FORMAT_CHECKER)
    report = Report(findings=tuple(check(schema_for(ce_type), proposed)))
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        event = _read(line, number)
        if event.get("type") != ce_type:
            continue
        report.events += 1
        places = {_place(error) for error in validator.iter_errors(event.get("data"))}
        report.places.update(places)
        report.refused += bool(places)
    return report


def _read(line: bytes | str, number: int) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise ContractError(f"line {number} is no JSON object")
    return event


def _place(error: Any) -> str:
    # Positions in lists are left out, so that what is wrong in every item is counted as one place.
    path = ".".join("[]" if isinstance(part, int) else part for part in error.absolute_path).replace(".[]", "[]")
    named = f" {_missing(error)}" if error.validator == "required" else ""
    return f"{path or '(event)'}: {error.validator}{named}"


def _missing(error: Any) -> str:
    return ", ".join(name for name in error.validator_value if name not in error.instance)
