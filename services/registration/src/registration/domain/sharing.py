"""That something about a person went from some organisations to another: told to the person, by their link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Shared(StrEnum):
    """Because of what."""

    REFERRAL = "referral"
    ACCOMPANIMENT = "accompaniment"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class Sharing:
    """One such time. `source_id` is the referral, accompaniment or enrolment, or the move: it makes each time one."""

    what: Shared
    source_id: UUID
    subject_ref: UUID
    at: datetime
    from_ids: tuple[UUID, ...]
    to_id: UUID
