"""Where a list was left, as an opaque text: nothing in it is personal, and a bad one is refused by name."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chassis.problems import FieldError, Problem
from chassis.sentences import Said
from referrals.adapters.http.refusals import CORRECT
from referrals.app.ports import Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIME_BYTES = 8


def write_cursor(position: Position) -> str:
    """Return the text; positions compare to the microsecond, as PostgreSQL does."""
    microseconds = (position.at - _EPOCH) // _MICROSECOND
    raw = microseconds.to_bytes(_TIME_BYTES, "big") + position.record_id.bytes
    return base64.urlsafe_b64encode(raw).decode()


def read_cursor(text: str) -> Position:
    """Return the position, or raise a 422 Problem that names `after`."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        microseconds, id_ = raw[:_TIME_BYTES], raw[_TIME_BYTES:]
        return Position(_EPOCH + int.from_bytes(microseconds, "big") * _MICROSECOND, UUID(bytes=id_))
    except (binascii.Error, ValueError, OverflowError):
        said = Said("Ce repère ne vient pas d’une de nos réponses.", "This cursor is not one of ours.")
        raise Problem(422, "validation_failed", CORRECT, errors=[FieldError("after", said)]) from None
