"""What was told about a person, sealed for its row: encrypted with the person's own key and tied to this referral."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from chassis.crypto import Vault, WrappedKey
from referrals.domain.person import Person, Told


@dataclass(frozen=True, slots=True)
class Sealed:
    """The columns of `referral_persons`."""

    wrapped_key: WrappedKey
    person: bytes
    note: bytes | None


def seal(vault: Vault, referral_id: UUID, told: Told) -> Sealed:
    """Seal under a new key; erasing the key erases both columns."""
    key = vault.new_person_key()
    person = told.person
    text = json.dumps(
        {
            "first_name": person.first_name,
            "last_name": person.last_name,
            "birth_date": person.birth_date.isoformat(),
            "phone": person.phone,
            "email": person.email,
            "address": person.address,
        },
        ensure_ascii=False,
    )
    note = None if told.note is None else told.note.encode()
    return Sealed(
        wrapped_key=key,
        person=vault.seal(key, text.encode(), context=_place(referral_id, "person")),
        note=None if note is None else vault.seal(key, note, context=_place(referral_id, "note")),
    )


def open_person(vault: Vault, row: asyncpg.Record) -> Person:
    """Open the `person` column of a row that also has `wrapped_key` and `referral_id`."""
    opened = vault.open(row["wrapped_key"], row["person"], context=_place(row["referral_id"], "person"))
    fields = json.loads(opened)
    return Person(**{**fields, "birth_date": date.fromisoformat(fields["birth_date"])})


def open_told(vault: Vault, row: asyncpg.Record) -> Told:
    """Open both columns."""
    note = row["note"]
    if note is not None:
        note = vault.open(row["wrapped_key"], note, context=_place(row["referral_id"], "note")).decode()
    return Told(open_person(vault, row), note)


def _place(referral_id: UUID, column: str) -> str:
    return f"referrals.referral_persons:{referral_id}:{column}"
