"""A joint accompaniment as its events describe it: whose story an enrolment belongs to, and who may act on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from training.domain.status import Actor


class AccompanimentStatus(StrEnum):
    PROPOSED = "proposed"
    ACCEPTED_BY_ONE = "accepted_by_one"
    ACTIVE = "active"
    REVIEW_DUE = "review_due"
    ENDED = "ended"
    REFUSED = "refused"


ACTIVE = frozenset({AccompanimentStatus.ACTIVE, AccompanimentStatus.REVIEW_DUE})


@dataclass(frozen=True, slots=True)
class Accompaniment:
    """What is known of it here. `subject_ref` is None once the person was erased."""

    accompaniment_id: UUID
    referral_id: UUID
    subject_ref: UUID | None
    correlation_id: UUID
    """The story that every event of its enrolments belongs to."""
    commune: str
    referrer_id: UUID
    sender_kind: str
    council_id: UUID
    employment_id: UUID | None
    status: AccompanimentStatus

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE and self.subject_ref is not None

    def quality_of(self, organisation_id: UUID) -> frozenset[Actor]:
        """Return as which of the two sides an organisation may act: none at all for a third one."""
        sides = {Actor.COUNCIL: self.council_id, Actor.EMPLOYMENT_SERVICE: self.employment_id}
        return frozenset(side for side, party in sides.items() if party == organisation_id)
