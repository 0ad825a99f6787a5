"""A provider of text messages, as faithful as a demonstration needs: nothing leaves this machine.

Like real ones it takes a message once per reference, refuses some numbers for a while, and tells later, by a signed
receipt, what became of each. The last two digits of the number choose what happens; any other number is delivered.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from maillage.desk.ring import Box, RingFile
from maillage.desk.segments import size_of

KEEP = 500
SEGMENTS_MAX = 10
"""As providers do; a notice has one or two."""

UNDELIVERED: dict[str, Literal["undeliverable", "failed"]] = {"98": "undeliverable", "95": "failed"}
SILENT = "96"
"""Accepted, and never heard of again."""
BUSY, BUSY_TIMES = "97", 2
"""503 so many times for each reference, then delivered."""

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
SENDER = re.compile(r"[A-Za-z0-9 ]{3,11}")
REFERENCE = re.compile(r"[!-~]{1,100}")

Status = Literal["delivered", "undeliverable", "failed"]
Receipt = Literal["due", "taken", "given_up", "never"]


@dataclass(frozen=True, slots=True)
class TextMessage:
    """One accepted message and what became of it."""

    id: str
    reference: str
    sender: str
    to: str
    text: str
    encoding: str
    segments: int
    accepted_at: str
    """ISO 8601, UTC."""
    status: Status | None
    """What the receipt says; None when there is never one."""
    receipt: Receipt
    """`taken` once the caller answered 2xx; `given_up` after the last try."""
    tries: int = 0
    answer: str = ""
    """The caller's last answer to the receipt: a status, or the kind of failure."""
    times: int = 1
    """How often this reference was handed over; the text was sent once."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


class Refused(Exception):
    """The simulator does not take a message; status and code as its API answers them."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class SmsBox:
    """The last messages, by id."""

    def __init__(self, folder: Path) -> None:
        # A message is written when accepted, when its receipt is taken, and at each failure in between.
        self._box = Box(RingFile(folder, "sms", 5 * KEEP), KEEP, lambda found: TextMessage(**found))
        self._by_reference = {message.reference: message.id for message in self._box}
        self._busy: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._box)

    def newest_first(self) -> list[TextMessage]:
        """Return the messages by acceptance, newest first."""
        return list(self._box)[::-1]

    def get(self, message_id: str) -> TextMessage | None:
        """Return one message."""
        return self._box.get(message_id)

    def keep(self, message: TextMessage) -> None:
        """Replace a message by what became of it."""
        self._box.put(message.id, message, message.document())
        self._by_reference[message.reference] = message.id

    def accept(self, body: Any, at: datetime) -> tuple[TextMessage, bool]:
        """Take a message, and tell whether it is new; raises Refused."""
        reference, sender, to, text = _checked(body)
        known = self._box.get(self._by_reference.get(reference, ""))
        if known is not None:
            again = replace(known, times=known.times + 1)
            self.keep(again)
            return again, False
        ending = to[-2:]
        if ending == BUSY and self._busy[reference] < BUSY_TIMES:
            self._busy[reference] += 1
            raise Refused(503, "temporarily_unavailable")
        self._busy.pop(reference, None)
        size = size_of(text)
        message = TextMessage(
            id=f"sms-{secrets.token_hex(8)}",
            reference=reference,
            sender=sender,
            to=to,
            text=text,
            encoding=size.encoding,
            segments=size.segments,
            accepted_at=at.isoformat(timespec="milliseconds"),
            status=None if ending == SILENT else UNDELIVERED.get(ending, "delivered"),
            receipt="never" if ending == SILENT else "due",
        )
        self.keep(message)
        return message, True


def _checked(body: Any) -> tuple[str, str, str, str]:
    names = ("reference", "sender", "to", "text")
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str) for name in names):
        raise Refused(422, "fields_missing")
    reference, sender, to, text = (body[name] for name in names)
    for fits, code in (
        (REFERENCE.fullmatch(reference), "reference_invalid"),
        (SENDER.fullmatch(sender), "sender_invalid"),
        (NUMBER.fullmatch(to), "number_invalid"),
        (text.strip(), "text_empty"),
        (size_of(text).segments <= SEGMENTS_MAX, "text_too_long"),
    ):
        if not fits:
            raise Refused(422, code)
    return reference, sender, to, text
