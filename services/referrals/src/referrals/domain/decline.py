"""Why a referral ends without the person being seen: coded reasons, never a judgement in free text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from referrals.domain.errors import InputRefused


class DeclineReason(StrEnum):
    UNREACHABLE = "unreachable"
    DID_NOT_ATTEND = "did_not_attend"
    IN_EMPLOYMENT = "in_employment"
    IN_TRAINING = "in_training"
    NOT_ELIGIBLE = "not_eligible"
    NOT_MOBILE = "not_mobile"
    NOT_INTERESTED = "not_interested"
    PERIPHERAL_BARRIERS = "peripheral_barriers"
    SESSION_FULL = "session_full"
    DUPLICATE = "duplicate"
    OUT_OF_AREA = "out_of_area"
    MISSING_DOCUMENTS = "missing_documents"
    OTHER = "other"


class DeclinedBy(StrEnum):
    PROVIDER = "provider"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Decline:
    """The reasons, whose decision it was, and whether the reasons may be shown to the person as they stand."""

    reasons: tuple[DeclineReason, ...]
    declined_by: DeclinedBy
    shareable_with_person: bool

    def __post_init__(self) -> None:
        if not self.reasons:
            raise InputRefused("reasons", "missing")
        if len(set(self.reasons)) != len(self.reasons):
            raise InputRefused("reasons", "repeated")
