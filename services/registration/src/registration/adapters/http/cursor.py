"""Where an agenda was left, as an opaque text: nothing in it is personal, and a bad one is refused by name."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chassis.problems import FieldError, Problem
from chassis.sentences import Said
from registration.adapters.http.refusals import CORRECT
from registration.app.ports import Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIME_BYTES = 8
_NO_DATE = b"\xff" * _TIME_BYTES
"""After every date, as in the list."""


def write_cursor(position: Position) -> str:
    """Return the text; positions compare to the microsecond, as PostgreSQL does."""
    moment = _NO_DATE
    if position.starts_at is not None:
        moment = ((position.starts_at - _EPOCH) // _MICROSECOND).to_bytes(_TIME_BYTES, "big")
    return base64.urlsafe_b64encode(moment + position.appointment_id.bytes).decode()


def read_cursor(text: str) -> Position:
    """Return the position, or raise a 422 Problem that names `after`."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        moment, id_ = raw[:_TIME_BYTES], UUID(bytes=raw[_TIME_BYTES:])
        if moment == _NO_DATE:
            return Position(None, id_)
        return Position(_EPOCH + int.from_bytes(moment, "big") * _MICROSECOND, id_)
    except (binascii.Error, ValueError, OverflowError):
        said = Said("Ce repère ne vient pas d’une de nos réponses.", "This cursor is not one of ours.")
        raise Problem(422, "validation_failed", CORRECT, errors=[FieldError("after", said)]) from None
