"""Joint accompaniments as `referrals` last told of them: whose person, which two organisations, where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Standing(StrEnum):
    PROPOSED = "proposed"
    ACCEPTED_BY_ONE = "accepted_by_one"
    ACTIVE = "active"
    REVIEW_DUE = "review_due"
    ENDED = "ended"
    REFUSED = "refused"


OVER = frozenset({Standing.ENDED, Standing.REFUSED})

JOINT = frozenset({Standing.ACTIVE, Standing.REVIEW_DUE})
"""While it stands so, the person is accompanied by the two."""


@dataclass(frozen=True, slots=True)
class Accompaniment:
    """One accompaniment; commune, referrer and parties are where its events, and those it causes, belong."""

    accompaniment_id: UUID
    version: int
    standing: Standing
    subject_ref: UUID
    referral_id: UUID
    correlation_id: UUID
    """The story: everything that follows from the accompaniment inherits it."""
    commune: str
    referrer_id: UUID
    referrer_kind: str
    council_id: UUID
    employment_id: UUID | None

    @property
    def is_joint(self) -> bool:
        return self.standing in JOINT

    def has(self, organisation_id: UUID) -> bool:
        """Say whether an organisation is one of the two."""
        return organisation_id in (self.council_id, self.employment_id)
