"""Telephone numbers and e-mail addresses, spelled one way, and the keyed hashes under which they are compared.

A hash holds the name and birth date too: that two persons share a number is nowhere to be read. Changing a spelling, or
a purpose, would make files that are known unlike what is referred later.
"""

from __future__ import annotations

from collections.abc import Iterable

import phonenumbers

from chassis.crypto import Vault
from registration.domain.identity import Contact

PURPOSE = "person.contact-point"
REGION = "FR"
"""Where a number written without its country is dialled."""

ONE_PLAN = (33, 262, 590, 594, 596)
"""Country codes of France's one numbering plan: what is dialled 0690 in Paris is written +590 690 in Guadeloupe."""


def contact_hashes(vault: Vault, named: bytes, contact: Contact) -> frozenset[bytes]:
    """Return a keyed hash of each telephone number and e-mail address of somebody with this name, as `lookup_hash`."""
    return frozenset(vault.lookup(PURPOSE, f"{named.hex()}\n{point}") for point in _points(contact))


def _points(contact: Contact) -> Iterable[str]:
    if contact.phone and contact.phone.strip():
        yield f"phone\n{_phone(contact.phone)}"
    if contact.email and contact.email.strip():
        yield f"email\n{contact.email.strip().casefold()}"


def _phone(typed: str) -> str:
    """Return a number as E.164 writes it, all of France under its first code; as it was typed where it is none."""
    try:
        parsed = phonenumbers.parse(typed, REGION)
    except phonenumbers.NumberParseException:
        return "".join(typed.casefold().split())
    if parsed.country_code in ONE_PLAN:
        parsed.country_code = ONE_PLAN[0]
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
