"""What an association typed about the person it refers. Never printed: its representation holds no value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from referrals.domain.errors import InputRefused

OLDEST_BIRTH_DATE = date(1900, 1, 1)
"""Nobody alive was born before; earlier dates are slips of the keyboard."""


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """The person of one referral, as typed for it."""

    first_name: str
    last_name: str
    birth_date: date
    phone: str | None = None
    email: str | None = None
    address: str | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    def check(self, today: date) -> None:
        """Raise InputRefused where the birth date cannot be one."""
        if self.birth_date > today:
            raise InputRefused("person.birth_date", "in_the_future")
        if self.birth_date < OLDEST_BIRTH_DATE:
            raise InputRefused("person.birth_date", "too_long_ago")


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """All that was said about the person: who they are, and the note in free text."""

    person: Person
    note: str | None = None
