"""Encryption at rest of what says who somebody is, and keyed hashes to find them again.

Each person has a random key, wrapped by the service's master key, which is kept outside the database: erasing the
wrapped key makes every copy of that person's data unreadable. AES-256-GCM throughout; `context` ties a value to its row
and column, so that a ciphertext moved elsewhere does not open. Values are looked up by HMAC, one derived key a purpose.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, NewType, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chassis.errors import SettingsRefused

WrappedKey = NewType("WrappedKey", bytes)
"""A person's key as it is stored: version, id of the master key, nonce, ciphertext."""

KEY_BYTES = 32
NONCE_BYTES = 12
MASTER_ID_BYTES = 4
VERSION: Final = b"\x01"

OPENED_SECONDS = 60.0
"""How long an unwrapped key is kept: an erased key opens nothing after this, in any process."""

OPENED_MAX = 1_024

_WRAP_CONTEXT: Final = b"maillage person key"
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")


class SealBroken(Exception):
    """A stored value does not open: another key or row, or altered bytes. Restore it, or the master key of its time."""


class Vault:
    """Seals and opens with the keys of persons. One for each master key, that is for each service."""

    def __init__(self, master_key: bytes, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        if len(master_key) != KEY_BYTES:
            raise SettingsRefused(f"a master key is {KEY_BYTES} bytes")
        self._wrapping = AESGCM(_derive(master_key, "wrap"))
        self._master_id = _derive(master_key, "id")[:MASTER_ID_BYTES]
        self._master_key = master_key
        self._lookup_keys: dict[str, bytes] = {}
        self._opened: OrderedDict[bytes, tuple[float, AESGCM]] = OrderedDict()
        self._monotonic = monotonic

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the master key, 32 bytes in base64, or raise SettingsRefused."""
        try:
            return cls(base64.b64decode(path.read_bytes().strip(), validate=True))
        except OSError as error:
            raise SettingsRefused(f"MAILLAGE_MASTER_KEY_FILE: cannot read {path} ({error.strerror})") from None
        except (binascii.Error, SettingsRefused):
            raise SettingsRefused(f"MAILLAGE_MASTER_KEY_FILE: {path} must hold 32 bytes in base64") from None

    def new_person_key(self) -> WrappedKey:
        """Return a fresh key, wrapped. Delete it to erase what it seals."""
        nonce = os.urandom(NONCE_BYTES)
        header = VERSION + self._master_id
        wrapped = self._wrapping.encrypt(nonce, os.urandom(KEY_BYTES), _WRAP_CONTEXT + header)
        return WrappedKey(header + nonce + wrapped)

    def seal(self, wrapped: WrappedKey, plaintext: bytes, *, context: str) -> bytes:
        """Encrypt; `context` names the value's place, as `referrals.referral:<id>:person`."""
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher(wrapped).encrypt(nonce, plaintext, VERSION + context.encode())

    def open(self, wrapped: WrappedKey, sealed: bytes, *, context: str) -> bytes:
        """Decrypt what `seal` made with the same key and context, or raise SealBroken."""
        if sealed[:1] != VERSION:
            raise SealBroken("unknown version of a sealed value")
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher(wrapped).decrypt(nonce, body, VERSION + context.encode())
        except (InvalidTag, ValueError):
            raise SealBroken("a sealed value does not open") from None

    def lookup(self, purpose: str, value: str) -> bytes:
        """Return the keyed hash under which `value` is found for `purpose`; normalise before (see `fold`)."""
        key = self._lookup_keys.get(purpose)
        if key is None:
            key = self._lookup_keys[purpose] = _derive(self._master_key, f"lookup {purpose}")
        return hmac.digest(key, value.encode(), hashlib.sha256)

    def _cipher(self, wrapped: WrappedKey) -> AESGCM:
        now = self._monotonic()
        name = bytes(wrapped)
        found = self._opened.get(name)
        if found is not None and now < found[0]:
            return found[1]
        cipher = self._unwrap(name)
        self._opened.pop(name, None)
        self._opened[name] = (now + OPENED_SECONDS, cipher)
        # Oldest first: expired keys leave memory even when nobody asks for them again.
        while self._opened and (len(self._opened) > OPENED_MAX or next(iter(self._opened.values()))[0] <= now):
            self._opened.popitem(last=False)
        return cipher

    def _unwrap(self, wrapped: bytes) -> AESGCM:
        header = wrapped[: 1 + MASTER_ID_BYTES]
        if header != VERSION + self._master_id:
            raise SealBroken("a person's key was wrapped by another master key")
        nonce = wrapped[len(header) : len(header) + NONCE_BYTES]
        try:
            key = self._wrapping.decrypt(nonce, wrapped[len(header) + NONCE_BYTES :], _WRAP_CONTEXT + header)
        except (InvalidTag, ValueError):
            raise SealBroken("a person's key does not unwrap") from None
        return AESGCM(key)


def _derive(master_key: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=f"maillage {purpose}".encode()).derive(master_key)


def fold(text: str) -> str:
    """Return a name as it is compared: without case, accents, hyphens, apostrophes and superfluous spaces.

    `Éloïse-Anne d’Œuvre` and `ELOISE ANNE D OEUVRE` fold alike. Not for display.
    """
    # Before decomposition, which does not split ligatures; casefold does for ß.
    spelled = text.casefold().replace("œ", "oe").replace("æ", "ae").replace("ø", "o").replace("ł", "l")
    plain = "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))
    return _BETWEEN_WORDS.sub(" ", plain.casefold()).strip()
