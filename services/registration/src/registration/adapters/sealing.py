"""What is known of somebody, sealed for its row, and the keyed hash under which they are found again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from chassis.crypto import Vault, WrappedKey, fold
from registration.domain.identity import Contact, Described, Identity

LOOKUP_PURPOSE = "person.name-and-birth-date"
PLACE_PURPOSE = "person.namesake"
"""Changing either would lose who is known."""

ERASED_LINK_PURPOSE = "erased-link"
"""Changing it would turn every link of somebody erased into one that was never given."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The sealed columns of `persons`."""

    wrapped_key: WrappedKey
    identity: bytes
    contact: bytes


def seal(vault: Vault, subject_ref: UUID, described: Described) -> Sealed:
    """Seal under a new key of this person's own; erasing the key erases both columns."""
    key = vault.new_person_key()
    identity, contact = described.identity, described.contact
    who = {
        "first_name": identity.first_name,
        "last_name": identity.last_name,
        "birth_date": identity.birth_date.isoformat(),
    }
    how = {"phone": contact.phone, "email": contact.email, "address": contact.address}
    return Sealed(
        wrapped_key=key,
        identity=vault.seal(key, _bytes(who), context=_place(subject_ref, "identity")),
        contact=vault.seal(key, _bytes(how), context=_place(subject_ref, "contact")),
    )


def open_described(vault: Vault, row: asyncpg.Record) -> Described:
    """Open both columns of a row that also has `wrapped_key` and `subject_ref`."""
    who = json.loads(vault.open(row["wrapped_key"], row["identity"], context=_place(row["subject_ref"], "identity")))
    identity = Identity(who["first_name"], who["last_name"], date.fromisoformat(who["birth_date"]))
    return Described(identity, open_contact(vault, row))


def open_contact(vault: Vault, row: asyncpg.Record) -> Contact:
    """Open how to reach somebody, in a row that also has `wrapped_key` and `subject_ref`."""
    how = json.loads(vault.open(row["wrapped_key"], row["contact"], context=_place(row["subject_ref"], "contact")))
    return Contact(how["phone"], how["email"], how["address"])


def lookup_hash(vault: Vault, identity: Identity, world: str = "") -> bytes:
    """Return the keyed hash of the folded name and the birth date: equal for every usual spelling of one person.

    Nobody of one world is found from another.
    """
    parts = (
        *((world,) if world else ()),
        fold(identity.last_name),
        fold(identity.first_name),
        identity.birth_date.isoformat(),
    )
    return vault.lookup(LOOKUP_PURPOSE, "\n".join(parts))


def place_hash(vault: Vault, named: bytes, place: int) -> bytes:
    """Return what one of the files of a name and birth date is found by: the first by their own hash."""
    return vault.lookup(PLACE_PURPOSE, f"{named.hex()}\n{place}") if place else named


def seal_place(vault: Vault, key: WrappedKey, appointment_id: UUID, place: str) -> bytes:
    """Seal where an appointment takes place under the key of its person: free text may say who they are."""
    return vault.seal(key, place.encode(), context=_appointment_place(appointment_id))


def open_place(vault: Vault, key: WrappedKey, appointment_id: UUID, sealed: bytes) -> str:
    """Open what `seal_place` made."""
    return vault.open(key, sealed, context=_appointment_place(appointment_id)).decode()


def _appointment_place(appointment_id: UUID) -> str:
    return f"registration.appointments:{appointment_id}:place"


def erased_link(vault: Vault, appointment_id: UUID) -> bytes:
    """Return the keyed hash under which it is remembered that an appointment went with its person."""
    return vault.lookup(ERASED_LINK_PURPOSE, str(appointment_id))


def _bytes(fields: Mapping[str, str | None]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def _place(subject_ref: UUID, column: str) -> str:
    return f"registration.persons:{subject_ref}:{column}"
