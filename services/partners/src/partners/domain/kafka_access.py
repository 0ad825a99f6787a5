"""The names under which an organisation reaches Kafka; they are a promise to partners and never change."""

from __future__ import annotations

from typing import Final

USER_PREFIX: Final = "partner-"
"""Users of the broker whose name begins so are kept as the database wants them, and no others are ever touched."""


def user_of(code: str) -> str:
    """Return the SCRAM user of an organisation."""
    return f"{USER_PREFIX}{code}"


def group_prefix_of(code: str) -> str:
    """Return the prefix that the names of an organisation's consumer groups must have.

    The final hyphen keeps `partner-cd9-` from being a prefix of `partner-cd93-`.
    """
    return f"{USER_PREFIX}{code}-"
