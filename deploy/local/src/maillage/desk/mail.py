"""An e-mail as it is shown: who, to whom, when, about what, and its text. Nothing of it is ever fetched or executed."""

from __future__ import annotations

import email
import email.policy
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from maillage.desk.ring import Box, RingFile

KEEP = 500
TEXT_CHARACTERS_MAX = 200_000
"""A notice has a few hundred; a page with more than this would freeze a browser."""
UNREADABLE = (LookupError, ValueError, AttributeError, TypeError)
"""What the standard library raises for a character set nobody knows, a broken address, a structure that is none."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to one recipient."""

    id: str
    message_id: str
    sender: str
    to: str
    """The recipient of the envelope, whoever the header names."""
    subject: str
    date: str
    """As its author wrote it."""
    received_at: str
    """ISO 8601, UTC, when it first arrived."""
    text: str
    headers: list[list[str]] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)
    times: int = 1
    """How often this Message-ID arrived for this recipient."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


class MailBox:
    """The last mails; one that arrives again is counted, not shown twice."""

    def __init__(self, folder: Path) -> None:
        # Twice as many lines as mails: each repeat is a line too.
        self._box = Box(RingFile(folder, "mail", 2 * KEEP), KEEP, lambda found: Mail(**found))

    def __len__(self) -> int:
        return len(self._box)

    def newest_first(self) -> list[Mail]:
        """Return the mails by first arrival, newest first."""
        return list(self._box)[::-1]

    def get(self, mail_id: str) -> Mail | None:
        """Return one mail."""
        return self._box.get(mail_id)

    def receive(self, content: bytes, recipients: Sequence[str], at: datetime) -> None:
        """Keep a message for each recipient of its envelope."""
        message = read(content)
        for recipient in recipients:
            mail = _mail(message, recipient, at)
            known = self._box.get(mail.id)
            if known is not None:
                mail = replace(known, times=known.times + 1)
            self._box.put(mail.id, mail, mail.document())


def read(content: bytes) -> EmailMessage:
    """Parse a message as far as it can be."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # the default policy makes no other
    return message


def _mail(message: EmailMessage, recipient: str, at: datetime) -> Mail:
    message_id = _header(message, "message-id")
    identity = f"{message_id}\n{recipient.lower()}" if message_id else secrets.token_hex(16)
    return Mail(
        id=hashlib.sha256(identity.encode()).hexdigest()[:20],
        message_id=message_id,
        sender=_header(message, "from"),
        to=recipient,
        subject=_header(message, "subject"),
        date=_header(message, "date"),
        received_at=at.isoformat(timespec="milliseconds"),
        text=text_of(message)[:TEXT_CHARACTERS_MAX],
        headers=[[name, _header(message, name)] for name in dict.fromkeys(message.keys())],
        attachments=_attachments(message),
    )


def _header(message: EmailMessage, name: str) -> str:
    try:
        return _clean(", ".join(str(value) for value in message.get_all(name) or ()))
    except UNREADABLE:
        raw = next((value for known, value in message.raw_items() if known.lower() == name.lower()), "")
        return _clean(str(raw))


def _attachments(message: EmailMessage) -> list[str]:
    try:
        return [_clean(part.get_filename() or part.get_content_type()) for part in message.iter_attachments()]
    except UNREADABLE:
        return []


def _clean(text: str) -> str:
    # Undecodable bytes come as lone surrogates, which neither JSON files nor pages can carry.
    return text.encode("utf-8", "replace").decode().strip()


def text_of(message: EmailMessage) -> str:
    """Return the plain text of a message, or the words of its HTML where it has no other."""
    try:
        body = message.get_body(preferencelist=("plain", "html"))
        if body is None:
            return ""
        content = body.get_content()
    except UNREADABLE:
        return ""
    if not isinstance(content, str):
        return ""
    text = _words(content) if body.get_content_type() == "text/html" else content
    return _clean(text.replace("\r\n", "\n"))


def _words(html: str) -> str:
    parser = _Words()
    parser.feed(html)
    parser.close()
    return "\n".join(line for line in (" ".join(part.split()) for part in "".join(parser.found).split("\n")) if line)


class _Words(HTMLParser):
    """Keeps what a reader would see, a line for each block."""

    SILENT = frozenset({"script", "style", "head", "title"})
    INLINE = frozenset({"a", "abbr", "b", "em", "i", "small", "span", "strong", "u"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in self.SILENT
        self.found.append("" if tag in self.INLINE else "\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in self.SILENT))
        self.found.append("" if tag in self.INLINE else "\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data.replace("\n", " "))
