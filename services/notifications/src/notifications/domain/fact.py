"""An event as notices see it: what happened, to which aggregate, where, and which organisations are concerned.

It says nothing about who the person is beyond the opaque reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

PERSON = "person"
ORGANISATION_ROLES = ("association", "council", "employment_service", "training_provider", "organiser")
"""As what an organisation is concerned by an event; `organiser` receives the person at an appointment."""

APPLICANT = "applicant"
"""Whoever asks to join in the name of an organisation: known by their request alone."""

OWNER = "organisation"
"""The organisation that an event about organisations is about; it is written to at its public address."""

OPERATORS = "operators"
"""Whoever operates this platform, at the one address that a site gives for them."""

PLATFORM = "platform"
"""Whose telephone and address are given to those who have nobody else to turn to about it."""

AUDIENCES = (PERSON, *ORGANISATION_ROLES[:4], APPLICANT, OWNER, OPERATORS)
"""To whom a notice may go."""

ALONE = frozenset({PERSON, APPLICANT, OPERATORS})
"""Audiences whose address is looked for when a notice is sent, and that a notice has to itself."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What the rules of a template look at."""

    event_id: UUID
    type: str
    """Without the common prefix: `registration.appointment.booked.v1`."""
    aggregate_id: UUID
    aggregate_field: str
    version: int
    at: datetime
    correlation_id: UUID
    commune: str
    roles: Mapping[str, UUID]
    fields: Mapping[str, object]
    """The event's own fields, without its aggregate's version, its routing and the person's reference."""
    subject_ref: UUID | None = None
    referral_id: UUID | None = None

    def moment(self, field: str) -> datetime:
        """Return a field that is a moment; templates are checked at start to name no other."""
        found = self.fields[field]
        if not isinstance(found, datetime):
            raise TypeError(f"{self.type}: {field} is not a moment")
        return found

    def codes(self, field: str) -> frozenset[str]:
        """Return a field as the codes it holds: none, one or several."""
        found = self.fields.get(field)
        if found is None:
            return frozenset()
        if isinstance(found, tuple):
            return frozenset(str(item) for item in found)
        return frozenset({str(found)})
