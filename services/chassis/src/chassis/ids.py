"""Identifiers: new ones for what a human caused, derived ones for what an event caused.

A derived id is a function of its cause, so that redoing work after a crash remakes the same ids and readers
recognise the repeat.
"""

from __future__ import annotations

from uuid import UUID, uuid5

import uuid_utils.compat as uuid_utils

DERIVED_NAMESPACE = UUID("6f1b5f0e-4f1a-5e0b-9a53-0d3f5a6f2c11")
"""Fixed for ever: changing it would rename events that are redone after an upgrade."""


def new_id() -> UUID:
    """Return a UUIDv7: unique, and close to its neighbours in an index."""
    return uuid_utils.uuid7()


def derived_id(cause: UUID, consumer: str, n: int = 0) -> UUID:
    """Return the id of the n-th thing that `consumer` makes because of event `cause`; the same for every retry."""
    return uuid5(DERIVED_NAMESPACE, f"{cause}:{consumer}:{n}")
