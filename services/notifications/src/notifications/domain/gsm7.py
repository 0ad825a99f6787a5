"""The alphabet of an SMS (GSM 03.38): what fits into one message of 160, and how other letters are written in it.

One letter outside it would turn the whole message into UCS-2, of 70 letters a part.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

SEPTETS_MAX = 160

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€")
"""Two septets each."""

_WRITTEN: Mapping[str, str] = {
    "’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "‑": "-", "…": "...", "·": "-",  # noqa: RUF001  # what typists and word processors write
    "œ": "oe", "Œ": "OE", "\u00a0": " ", "\u202f": " ",
}  # fmt: skip
_UNKNOWN = "?"


def foreign(text: str) -> set[str]:
    """Return the characters that an SMS cannot hold."""
    return set(text) - _BASIC - _EXTENDED


def septets(text: str) -> int:
    """Return how much of SEPTETS_MAX a text takes; it must hold nothing foreign."""
    return sum(2 if character in _EXTENDED else 1 for character in text)


def fold(text: str) -> str:
    """Return the text in the alphabet of an SMS: accents it lacks are dropped, what has no equivalent is a `?`."""
    return "".join(character if not foreign(character) else _folded(character) for character in text)


def _folded(character: str) -> str:
    written = _WRITTEN.get(character)
    if written is not None:
        return written
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    return plain if plain and not foreign(plain) else _UNKNOWN
