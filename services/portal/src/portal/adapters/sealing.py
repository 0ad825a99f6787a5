"""Encrypt what is typed in a draft: AES-256-GCM under the portal's own key, which is never in the database.

The text is bound to its draft and author: a row copied to another does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.errors import SettingsRefused
from chassis.settings import read_secret

KEY_BYTES = 32
NONCE_BYTES = 12
"""The size GCM is defined for; random, since a portal writes far fewer than 2**32 drafts under one key."""

VERSION = b"\x01"


class Unreadable(Exception):
    """A draft does not open with this process's key: the key changed, or the row was altered."""


class Seal:
    """Seals and opens drafts with one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise SettingsRefused("MAILLAGE_MASTER_KEY_FILE must hold 32 random bytes in base64")
        self._cipher = AESGCM(key)

    @classmethod
    def from_file(cls, path: Path | None) -> Seal:
        text = read_secret(path, "MAILLAGE_MASTER_KEY_FILE")
        try:
            return cls(base64.b64decode(text, validate=True))
        except binascii.Error:
            raise SettingsRefused("MAILLAGE_MASTER_KEY_FILE must hold 32 random bytes in base64") from None

    def seal(self, text: bytes, draft_id: UUID, member_id: UUID) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, text, draft_id.bytes + member_id.bytes)

    def open(self, sealed: bytes, draft_id: UUID, member_id: UUID) -> bytes:
        nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, text, draft_id.bytes + member_id.bytes)
        except InvalidTag:
            raise Unreadable from None
