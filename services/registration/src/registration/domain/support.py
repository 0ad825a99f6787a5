"""How much support is due to a person: joint while at least one joint accompaniment is active, else as it was before.

Accompaniments are told apart, so that the end of one of two leaves the person at the joint tier, and so that hearing
again of what is known changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Tier(StrEnum):
    SELF_DIRECTED = "self_directed"
    GUIDED = "guided"
    REINFORCED = "reinforced"
    JOINT = "joint"


class Reason(StrEnum):
    ACCOMPANIMENT_ACTIVATED = "accompaniment_activated"
    ACCOMPANIMENT_ENDED = "accompaniment_ended"


@dataclass(frozen=True, slots=True)
class TierChanged:
    """What happened: the fact that history keeps and an event tells."""

    subject_ref: UUID
    version: int
    tier: Tier | None
    previous: Tier | None
    reason: Reason
    accompaniment_id: UUID
    referral_id: UUID
    at: datetime


@dataclass(slots=True)
class Support:
    """The aggregate: a person's tier. Shares its version with the person's registration."""

    subject_ref: UUID
    version: int
    tier: Tier | None = None
    before_joint: Tier | None = None
    """Where the person goes back to; means nothing while the tier is another than joint."""
    joint_by: set[UUID] = field(default_factory=set)
    """The accompaniments that are active."""

    def follow(self, accompaniment_id: UUID, referral_id: UUID, at: datetime, *, joint: bool) -> TierChanged | None:
        """Take note of where one accompaniment stands; return the fact if the tier changes by it."""
        if joint:
            self.joint_by.add(accompaniment_id)
        else:
            self.joint_by.discard(accompaniment_id)
        before = self.tier
        if self.joint_by and before is not Tier.JOINT:
            self.tier, self.before_joint, reason = Tier.JOINT, before, Reason.ACCOMPANIMENT_ACTIVATED
        elif not self.joint_by and before is Tier.JOINT:
            self.tier, self.before_joint, reason = self.before_joint, None, Reason.ACCOMPANIMENT_ENDED
        else:
            return None
        self.version += 1
        return TierChanged(self.subject_ref, self.version, self.tier, before, reason, accompaniment_id, referral_id, at)
