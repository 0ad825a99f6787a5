"""Segments of a text message, counted as networks count them (GSM 03.38 and 03.40)."""

from __future__ import annotations

import pytest

from maillage.desk.segments import BASIC, EXTENDED, size_of


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", "GSM-7", 0, 1),
        ("Bonjour, ça ira ?", "UCS-2", 17, 1),
        ("Bonjour, à mardi 14 h.", "GSM-7", 22, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        # 153 septets a part: the 77th pair does not fit in the septet that is left.
        ("€" * 152, "GSM-7", 304, 2),
        ("€" * 153, "GSM-7", 306, 3),
        ("ê" * 70, "UCS-2", 70, 1),
        ("ê" * 71, "UCS-2", 71, 2),
        ("ê" * 134, "UCS-2", 134, 2),
        ("ê" * 135, "UCS-2", 135, 3),
        ("😀" * 35, "UCS-2", 70, 1),
        # 67 code units a part hold 33 pairs.
        ("😀" * 66, "UCS-2", 132, 2),
        ("😀" * 67, "UCS-2", 134, 3),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else str(value),
)
def test_a_text_takes_the_segments_that_networks_bill(text: str, encoding: str, units: int, segments: int) -> None:
    size = size_of(text)

    assert (size.encoding, size.units, size.segments) == (encoding, units, segments)


def test_the_alphabet_is_whole() -> None:
    # 128 codes less the escape; ten in the extension table with the form feed.
    assert len(BASIC) == 127
    assert len(EXTENDED) == 10
    assert not BASIC & EXTENDED
    assert "ç" not in BASIC, "the alphabet has the capital only"
