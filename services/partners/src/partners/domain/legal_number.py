"""SIREN and SIRET: the numbers by which an organisation says who it is.

Only the form and the check digit are looked at; whether the organisation exists is for a person to verify.
"""

from __future__ import annotations

LA_POSTE = "356000000"
"""Its establishments outnumber Luhn's check digits: their fourteen digits add up to a multiple of five instead."""

LA_POSTE_HEAD_OFFICE = "35600000000048"
"""The one establishment of La Poste that keeps Luhn."""


def read_legal_number(text: str) -> str | None:
    """Return the digits of a SIREN or SIRET, written with or without spaces; None when it is neither."""
    digits = "".join(text.split())
    if len(digits) not in (9, 14) or not (digits.isascii() and digits.isdigit()) or not _luhn(digits[:9]):
        return None
    if len(digits) == 14 and digits.startswith(LA_POSTE) and digits != LA_POSTE_HEAD_OFFICE:
        return digits if sum(map(int, digits)) % 5 == 0 else None
    return digits if _luhn(digits) else None


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
