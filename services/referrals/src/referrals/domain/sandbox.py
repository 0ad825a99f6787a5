"""The sandbox: how a simulator answers, one step at a time, and who may be referred there: nobody real.

A person of the sandbox is recognised by what no real person has: a name that says so, a telephone of the ranges kept
for fiction, an address of the domains kept for examples.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from referrals.domain.decline import Decline, DeclinedBy, DeclineReason
from referrals.domain.errors import InputRefused
from referrals.domain.person import Person, Told
from referrals.domain.status import Command, Status


class Simulated(StrEnum):
    """How a simulator behaves, whatever it is asked."""

    ACCEPTS = "accepts"
    DECLINES = "declines"
    SILENT = "silent"
    EXPIRES = "expires"
    """Silent, and the terms are a matter of seconds instead of days."""


STEP_AFTER = timedelta(seconds=1)
"""Between two steps of a simulator: long enough for each to be seen, short enough to wait for."""

OVERDUE_SECONDS = timedelta(seconds=30)
EXPIRES_SECONDS = timedelta(seconds=60)
"""The terms of a referral to the simulator that lets them pass."""

DECLINED = Decline((DeclineReason.NOT_ELIGIBLE,), DeclinedBy.PROVIDER, shareable_with_person=True)
"""What the simulator that declines says."""

_NEXT: Mapping[tuple[Simulated, Status], Command] = {
    (Simulated.ACCEPTS, Status.SUBMITTED): Command.RECEIPT,
    (Simulated.ACCEPTS, Status.RECEIVED): Command.REVIEW,
    (Simulated.ACCEPTS, Status.UNDER_REVIEW): Command.ACCEPTANCE,
    (Simulated.DECLINES, Status.SUBMITTED): Command.RECEIPT,
    (Simulated.DECLINES, Status.RECEIVED): Command.REVIEW,
    (Simulated.DECLINES, Status.UNDER_REVIEW): Command.DECLINE,
}

FICTIONAL_PHONES = ("019900", "026191", "035301", "046571", "053649", "063998")
"""The ranges that the French regulator keeps for fiction (Arcep decision 2018-0881), without their last digits."""

EXAMPLE_DOMAINS = re.compile(
    r"(?:.+\.)?(?:example\.(?:com|net|org)|[a-z0-9-]+\.(?:example|test|invalid))", re.IGNORECASE
)
"""Domains of RFC 2606, which belong to nobody."""

FAKE_NAMES = ("exemple", "example", "test", "fictif", "fictive")
"""One of these words in the last name says that there is nobody."""

CONSONANTS, VOWELS = "bcdfglmnprstv", "aeiou"
BIRTH_DAYS = 18_000
"""Births from 1950 to 1999."""

NOBODY_NOTE = "Personne fictive du bac à sable : à recevoir, accepter ou décliner sans crainte."


def next_command(simulated: Simulated | None, status: Status) -> Command | None:
    """Return what a simulator does now; None where it waits, or has answered."""
    return None if simulated is None else _NEXT.get((simulated, status))


def check_fake(person: Person) -> None:
    """Raise InputRefused, naming the field, where the person could be somebody."""
    if not set(_words(person.last_name)) & set(FAKE_NAMES):
        raise InputRefused("person.last_name", "not_fake_name")
    if person.phone is not None and not _national(person.phone).startswith(FICTIONAL_PHONES):
        raise InputRefused("person.phone", "not_fake_phone")
    if person.email is not None and not EXAMPLE_DOMAINS.fullmatch(person.email.rpartition("@")[2]):
        raise InputRefused("person.email", "not_fake_email")


def nobody(organisation_id: UUID) -> Told:
    """Return the person whom a simulator refers to an organisation: always the same one, and another for each.

    Were the name and the birth date shared, as the contact is, registration would take those of all councils for one
    person.
    """
    number, syllables = organisation_id.int, []
    for _ in range(4):
        number, consonant = divmod(number, len(CONSONANTS))
        number, vowel = divmod(number, len(VOWELS))
        syllables.append(CONSONANTS[consonant] + VOWELS[vowel])
    born = date(1950, 1, 1) + timedelta(days=number % BIRTH_DAYS)
    name = f"Exemple {''.join(syllables).capitalize()}"
    return Told(Person("Camille", name, born, phone="06 39 98 00 01", email="camille@example.org"), NOBODY_NOTE)


def _words(name: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return re.findall(r"[a-z]+", plain)


def _national(phone: str) -> str:
    digits = "".join(character for character in phone if character in "+0123456789")
    for prefix in ("+33", "0033"):
        if digits.startswith(prefix):
            return "0" + digits.removeprefix(prefix).removeprefix("0")
    return digits
