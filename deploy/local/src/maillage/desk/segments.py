"""How many parts a text message takes, as a network counts: GSM 03.38's seven bits where they do, else UCS-2."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""One septet each. The escape that completes the 128 is not a character."""
EXTENDED = frozenset("^{}\\[~]|€\f")
"""Two septets each."""

GSM_ALONE, GSM_JOINED = 160, 153
UCS_ALONE, UCS_JOINED = 70, 67
"""Septets, or UTF-16 code units, of a message of one part and of each part of a longer one (six bytes join them)."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a text costs."""

    encoding: Literal["GSM-7", "UCS-2"]
    segments: int
    units: int
    """Septets, or UTF-16 code units."""


def size_of(text: str) -> Size:
    """Measure a text."""
    if all(character in BASIC or character in EXTENDED for character in text):
        widths = [2 if character in EXTENDED else 1 for character in text]
        return Size("GSM-7", _parts(widths, GSM_ALONE, GSM_JOINED), sum(widths))
    widths = [2 if ord(character) > 0xFFFF else 1 for character in text]
    return Size("UCS-2", _parts(widths, UCS_ALONE, UCS_JOINED), sum(widths))


def _parts(widths: Iterable[int], alone: int, joined: int) -> int:
    widths = list(widths)
    if sum(widths) <= alone:
        return 1
    parts, room = 1, joined
    for width in widths:
        # An escape and its character, or the halves of a surrogate pair, stay in one part.
        if width > room:
            parts, room = parts + 1, joined
        room -= width
    return parts
