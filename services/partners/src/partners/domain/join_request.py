"""A request to join: asked by anybody, confirmed from a mailbox, answered by an operator, used once.

Every change goes through `_move`, which follows TABLE: a command leads to a state of the table or raises JoinState and
changes nothing. The mail address and the link are not part of it: they are kept apart, sealed, and forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

from partners.domain.access import random_letters
from partners.domain.errors import AlreadyShown, JoinState, LinkExpired, NotApproved, TooManyTestEvents
from partners.domain.organisation import Details, Kind

CONFIRM_WITHIN = timedelta(days=3)
"""A mailbox that is read on working days is read within three."""

ANSWER_WITHIN = timedelta(days=60)
"""An operator who has not answered after two months will not: the address must not be kept for ever."""

LINK_LIVES = timedelta(days=30)
"""After the answer: long enough to fetch the credentials, and the address is forgotten at its end."""

TEST_EVENTS_MAX = 20
"""Synthetic events that one request may put in its organisation's stream."""

TEST_EVENTS_SHOWN = 5


class JoinRequestState(StrEnum):
    """Where a request stands."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"


class Command(StrEnum):
    """What may be done with a request."""

    CONFIRM = "confirm"
    APPROVE = "approve"
    REFUSE = "refuse"
    EXPIRE = "expire"


_S = JoinRequestState
TABLE: Mapping[tuple[JoinRequestState, Command], JoinRequestState] = MappingProxyType(
    {
        (_S.UNCONFIRMED, Command.CONFIRM): _S.CONFIRMED,
        (_S.UNCONFIRMED, Command.REFUSE): _S.REFUSED,
        (_S.UNCONFIRMED, Command.EXPIRE): _S.EXPIRED,
        (_S.CONFIRMED, Command.APPROVE): _S.APPROVED,
        (_S.CONFIRMED, Command.REFUSE): _S.REFUSED,
        (_S.CONFIRMED, Command.EXPIRE): _S.EXPIRED,
    }
)
"""Whatever is not here is refused. Nothing is approved before its mailbox has answered."""

OPEN = frozenset({_S.UNCONFIRMED, _S.CONFIRMED})


@dataclass(frozen=True, slots=True)
class Applicant:
    """What was asked: the organisation as it describes itself; its contact is public, the asker is not named."""

    kind: Kind
    details: Details
    legal_number: str
    language: str
    sandbox: bool


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """The aggregate as it stands; methods return the next one and the fact."""

    join_request_id: UUID
    applicant: Applicant
    state: JoinRequestState
    version: int
    correlation_id: UUID
    asked_at: datetime
    due_at: datetime
    """When the clock looks at it: an open request ends then, an answered one's link does."""
    confirmed_at: datetime | None = None
    decided_at: datetime | None = None
    organisation_id: UUID | None = None
    refusal_reason: str | None = None
    client_id: str | None = None
    """The client whose secret was shown; set once."""
    test_event_ids: tuple[UUID, ...] = ()

    def confirm(self, at: datetime) -> tuple[JoinRequest, Confirmed]:
        """The mailbox has answered."""
        self._refuse_late(at)
        moved = replace(self._move(Command.CONFIRM), confirmed_at=at, due_at=at + ANSWER_WITHIN)
        return moved, Confirmed(moved)

    def approve(self, organisation_id: UUID, at: datetime) -> tuple[JoinRequest, Approved]:
        """The organisation takes part; its credentials may be fetched until the link ends."""
        self._refuse_late(at)
        moved = self._move(Command.APPROVE)
        moved = replace(moved, decided_at=at, due_at=at + LINK_LIVES, organisation_id=organisation_id)
        return moved, Approved(moved)

    def refuse(self, reason: str, at: datetime) -> tuple[JoinRequest, Refused]:
        """An operator says no; the reason is shown to the asker alone."""
        moved = replace(self._move(Command.REFUSE), decided_at=at, due_at=at + LINK_LIVES, refusal_reason=reason)
        return moved, Refused(moved)

    def expire(self, at: datetime) -> tuple[JoinRequest, Expired] | None:
        """End an open request whose time is over; None where there is nothing to end."""
        if self.state not in OPEN or at < self.due_at:
            return None
        moved = replace(self._move(Command.EXPIRE), decided_at=at)
        return moved, Expired(moved)

    @property
    def credentials_wait(self) -> bool:
        """Whether there are credentials that nobody has been shown."""
        return self.state is _S.APPROVED and self.client_id is None

    def show(self, client_id: str, at: datetime) -> JoinRequest:
        """Note that the client's secret is being shown; raises AlreadyShown ever after."""
        self._needs_link(at)
        if self.client_id is not None:
            raise AlreadyShown
        return replace(self, client_id=client_id)

    def test(self, event_id: UUID, at: datetime) -> JoinRequest:
        """Note a synthetic event."""
        self._needs_link(at)
        if len(self.test_event_ids) >= TEST_EVENTS_MAX:
            raise TooManyTestEvents
        return replace(self, test_event_ids=(*self.test_event_ids, event_id))

    def _needs_link(self, at: datetime) -> None:
        if self.state is not _S.APPROVED:
            raise NotApproved
        if at >= self.due_at:
            raise LinkExpired

    def _refuse_late(self, at: datetime) -> None:
        # The timer may be a second late: the request is over all the same.
        if self.state in OPEN and at >= self.due_at:
            raise LinkExpired

    def _move(self, command: Command) -> JoinRequest:
        target = TABLE.get((self.state, command))
        if target is None:
            raise JoinState
        return replace(self, state=target, version=self.version + 1)


def ask(
    join_request_id: UUID, applicant: Applicant, *, correlation_id: UUID, at: datetime
) -> tuple[JoinRequest, Submitted]:
    """Ask to join."""
    asked = JoinRequest(
        join_request_id, applicant, JoinRequestState.UNCONFIRMED, 1, correlation_id, at, at + CONFIRM_WITHIN
    )
    return asked, Submitted(asked)


@dataclass(frozen=True, slots=True)
class Submitted:
    """Somebody asked."""

    request: JoinRequest


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The mailbox has answered."""

    request: JoinRequest


@dataclass(frozen=True, slots=True)
class Approved:
    """The organisation takes part."""

    request: JoinRequest


@dataclass(frozen=True, slots=True)
class Refused:
    """An operator said no."""

    request: JoinRequest


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time was over."""

    request: JoinRequest


JoinRequestFact: TypeAlias = Submitted | Confirmed | Approved | Refused | Expired

_STEMS = {
    Kind.ASSOCIATION: "asso",
    Kind.COUNCIL: "cd",
    Kind.EMPLOYMENT_SERVICE: "emploi",
    Kind.TRAINING_PROVIDER: "formation",
}


def suggested_code(applicant: Applicant) -> str:
    """Return a short code for an operator to change: a council's is its place, others' their legal number."""
    stem = _STEMS[applicant.kind]
    places = applicant.details.territory.collectivities
    if applicant.kind is Kind.COUNCIL and len(places) == 1:
        return f"{stem}{places[0].lower().removesuffix('d')}"
    return f"{stem}{applicant.legal_number[:9]}"


def sandbox_code() -> str:
    """Return a code that nobody takes for a real organisation's."""
    return f"essai{random_letters()}"
