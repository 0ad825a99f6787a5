"""Who somebody is and how to reach them. Never printed: the representation holds no value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """What tells one person from another."""

    first_name: str
    last_name: str
    birth_date: date


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """How to reach somebody; every way is optional."""

    phone: str | None = None
    email: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Described:
    """A person as a referral describes them."""

    identity: Identity
    contact: Contact
    world: str = ""
    """Where they may be found again: everywhere, or in the sandbox of one referrer, where nobody is real."""
