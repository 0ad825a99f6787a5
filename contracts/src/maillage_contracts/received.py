"""One event as a partner receives it over HTTP: the decoded event, or word that its type is newer than this package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from maillage_contracts.codec import Decoded, decode
from maillage_contracts.envelope import CONTENT_TYPE_STRUCTURED
from maillage_contracts.errors import ContractError, InvalidPayload, UnknownType, UnsupportedMajor


@dataclass(frozen=True, slots=True)
class Received:
    """What to act on; `id` is what to deduplicate on, in the same transaction as your own work."""

    id: UUID
    type: str
    sequence: int | None
    """Place in your stream, from 1 without gaps; None where the channel does not say it."""
    decoded: Decoded | None
    """None where `trouble` says why this package cannot read the event: set it aside or pass over it, and go on."""
    trouble: ContractError | None
    document: Mapping[str, Any]
    """The whole CloudEvent, as JSON."""


def receive(document: Mapping[str, Any]) -> Received:
    """Read one structured CloudEvent. Raises InvalidPayload only where it has no id or type to note it by."""
    try:
        id_ = UUID(str(document.get("id")))
    except ValueError:
        raise InvalidPayload(["id: malformed"]) from None
    if not isinstance(document.get("type"), str):
        raise InvalidPayload(["type: missing"])
    decoded, trouble = None, None
    try:
        decoded = decode({"content-type": CONTENT_TYPE_STRUCTURED}, json.dumps(document).encode())
    except (UnknownType, UnsupportedMajor, InvalidPayload) as error:
        trouble = error
    text = document.get("sequence")
    sequence = int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None
    return Received(id_, document["type"], sequence, decoded, trouble, document)
