"""Statuses of a joint accompaniment, who may do what, and where it leads: the whole state machine, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    DRAFT = "draft"
    """Before the proposal; never stored."""
    PROPOSED = "proposed"
    ACCEPTED_BY_ONE = "accepted_by_one"
    ACTIVE = "active"
    REVIEW_DUE = "review_due"
    ENDED = "ended"
    REFUSED = "refused"


class Side(StrEnum):
    """In what quality somebody acts: one of the two organisations, or the clock."""

    COUNCIL = "council"
    EMPLOYMENT_SERVICE = "employment_service"
    SYSTEM = "system"
    """The clock."""


class Command(StrEnum):
    """What can be asked of an accompaniment, under the names of the HTTP routes; the last three by the clock."""

    PROPOSAL = "proposal"
    ACCEPTANCE = "acceptance"
    REFUSAL = "refusal"
    END = "end"
    REVIEW = "review"
    PLAN = "plan"
    NOTE = "note"
    ORIENTATION = "orientation"
    CONTRACT = "contract"
    JOINT_DIAGNOSIS = "joint_diagnosis"


class EndReason(StrEnum):
    EMPLOYMENT = "employment"
    TIER_CHANGE = "tier_change"
    MOVED = "moved"
    PERSON_REQUEST = "person_request"
    PARTNER_WITHDREW = "partner_withdrew"


SIDES = frozenset({Side.COUNCIL, Side.EMPLOYMENT_SERVICE})

SIDES_OF: Mapping[Command, frozenset[Side]] = {
    # The council was asked about the person, so it is the one that asks a second organisation.
    Command.PROPOSAL: frozenset({Side.COUNCIL}),
    Command.ACCEPTANCE: SIDES,
    Command.REFUSAL: SIDES,
    Command.END: SIDES,
    Command.REVIEW: SIDES,
    Command.PLAN: SIDES,
    Command.NOTE: SIDES,
    Command.ORIENTATION: frozenset({Side.SYSTEM}),
    Command.CONTRACT: frozenset({Side.SYSTEM}),
    Command.JOINT_DIAGNOSIS: frozenset({Side.SYSTEM}),
}

BY_CLOCK = (Command.ORIENTATION, Command.CONTRACT, Command.JOINT_DIAGNOSIS)

ANSWERS = (Command.ACCEPTANCE, Command.REFUSAL)
"""For a side that has not accepted yet: nobody accepts twice, or refuses what it agreed to."""

WAITING = (Status.PROPOSED, Status.ACCEPTED_BY_ONE)
RUNNING = (Status.ACTIVE, Status.REVIEW_DUE)
OPEN = (*WAITING, *RUNNING)
"""One accompaniment of a referral at most is in one of these."""

TABLE: Mapping[tuple[Status, Command], Status] = {
    (Status.DRAFT, Command.PROPOSAL): Status.PROPOSED,
    (Status.PROPOSED, Command.ACCEPTANCE): Status.ACCEPTED_BY_ONE,
    (Status.ACCEPTED_BY_ONE, Command.ACCEPTANCE): Status.ACTIVE,
    **{(status, Command.REFUSAL): Status.REFUSED for status in WAITING},
    **{(status, Command.END): Status.ENDED for status in RUNNING},
    (Status.REVIEW_DUE, Command.REVIEW): Status.ACTIVE,
    **{(status, Command.PLAN): status for status in RUNNING},
    **{(status, Command.NOTE): status for status in OPEN},
    **{(status, Command.ORIENTATION): status for status in WAITING},
    **{(status, Command.CONTRACT): status for status in RUNNING},
    (Status.ACTIVE, Command.JOINT_DIAGNOSIS): Status.REVIEW_DUE,
}
"""Where a command leads from a status. What is not here is refused."""
