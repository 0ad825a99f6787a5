"""Why a record could not be read or written.

No message and no attribute holds a value that came from the record: only names of headers and fields, and
types that are known or well formed. They may go to logs, dead letters and screens as they are.
"""

from __future__ import annotations

from collections.abc import Iterable


class ContractError(Exception):
    """A record does not follow the contracts; the subclass says how."""


class UnknownType(ContractError):
    """The record's type is not in these contracts: ignore it, count it, and upgrade if it matters to you."""

    def __init__(self, ce_type: str = "other") -> None:
        super().__init__(f"unknown event type: {ce_type}")
        self.ce_type = ce_type
        """The type where it is well formed and in our namespace, else `other`: safe as a label."""


class UnsupportedMajor(ContractError):
    """The record's type is known, not in this major version: read the other topic or upgrade the contracts."""

    def __init__(self, stem: str, major: int) -> None:
        super().__init__(f"unsupported major version: {stem}.v{major}")
        self.stem = stem
        self.major = major


class InvalidPayload(ContractError):
    """The record's headers or value break its contract; the message lists where, never what was found."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        """`<location>: <rule>`, for example `routing.commune: string_pattern_mismatch`."""
        super().__init__("invalid event: " + "; ".join(self.problems))


class EnvelopeMismatch(ContractError):
    """A writer tried to publish an event under an envelope or on a topic that is not its own."""
