"""Feed cursors: opaque text that means "everything up to this position of this organisation's stream".

A cursor never expires and can be used any number of times. It is not a secret and not signed: it opens nothing by
itself, since it is only accepted from the organisation it was given to.
"""

from __future__ import annotations

import base64
import binascii
import struct
from uuid import UUID

from partners.domain.errors import BadCursor

VERSION = 1
POSITION_MAX = 2**63 - 1
"""PostgreSQL's largest bigint."""

_FORM = struct.Struct(">B16sQ")
_CHARACTERS = 34
"""25 bytes in base64url without padding."""


def write_cursor(organisation_id: UUID, position: int) -> str:
    """Return the cursor of a position; 0 is before the first event."""
    return base64.urlsafe_b64encode(_FORM.pack(VERSION, organisation_id.bytes, position)).rstrip(b"=").decode()


def read_cursor(text: str, organisation_id: UUID) -> int:
    """Return the position of a cursor of this organisation, or raise BadCursor."""
    if len(text) != _CHARACTERS or not text.isascii():
        raise BadCursor
    try:
        _, _, position = _FORM.unpack(base64.b64decode(text + "==", altchars=b"-_", validate=True))
    except (binascii.Error, struct.error):
        raise BadCursor from None
    # Written back and compared: version and owner must be ours, and one position has one spelling.
    if position > POSITION_MAX or write_cursor(organisation_id, position) != text:
        raise BadCursor
    return int(position)
