"""Signed links as text: what is signed and its keyed hash, in 72 characters that hold nothing about anybody.

The key derives from the service's master key, for links alone. A token is read in one form only, so that no two texts
mean the same link. It travels in a header and an answer's body, never in a path or a query.
"""

from __future__ import annotations

import base64
import hmac
import re
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from chassis.crypto import Vault
from registration.domain.errors import LinkInvalid
from registration.domain.link import Link, Purpose

HEADER: Final = "Maillage-Link"
KEY: Final = "person-link"
VERSION: Final = 1

_CODES: Final[Mapping[Purpose, int]] = {Purpose.APPOINTMENT: 1}
"""Never used again for another purpose: old links would open it."""

_SIGNED: Final = struct.Struct(">BB16sI")
"""Version, purpose, appointment, seconds since 1970 (until 2106): 22 bytes, with the hash 54, without padding 72."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{72}")


class SignedLinks:
    """The `Links` port."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def write(self, link: Link) -> str:
        """Return the token of a link."""
        seconds = int(link.expires_at.timestamp())
        signed = _SIGNED.pack(VERSION, _CODES[link.purpose], link.appointment_id.bytes, seconds)
        return base64.urlsafe_b64encode(signed + self._hash(signed)).decode()

    def read(self, token: str, purpose: Purpose) -> Link:
        """Return what was signed for that purpose, or raise LinkInvalid."""
        if not _TOKEN.fullmatch(token):
            raise LinkInvalid
        raw = base64.urlsafe_b64decode(token)
        signed, digest = raw[: _SIGNED.size], raw[_SIGNED.size :]
        if not hmac.compare_digest(digest, self._hash(signed)):
            raise LinkInvalid
        version, code, appointment, seconds = _SIGNED.unpack(signed)
        if version != VERSION or code != _CODES[purpose]:
            raise LinkInvalid
        return Link(purpose, UUID(bytes=appointment), datetime.fromtimestamp(seconds, UTC))

    def _hash(self, signed: bytes) -> bytes:
        return self._vault.lookup(KEY, signed.hex())
