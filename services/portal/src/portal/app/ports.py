"""What the use cases need from outside. Failures are those of `portal.domain.errors`, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from portal.domain.accompaniment import Accompaniment, AccompanimentPage, TrainingSession
from portal.domain.appointment import Appointment, OwnAppointment, Shared
from portal.domain.commune import Answer, Authority, Commune
from portal.domain.draft import Draft
from portal.domain.member import Member, Session
from portal.domain.plan import PlanDraft
from portal.domain.referral import Party, Referral, ReferralPage


class Directory(Protocol):
    """The members one may sign in as, on a demonstration."""

    async def members(self) -> Sequence[Member]: ...


class ReferralDesk(Protocol):
    """The referrals service, called with the member's own access."""

    async def page(self, member: Member, *, status: str, after: str, limit: int) -> ReferralPage: ...

    async def read(self, member: Member, referral_id: UUID) -> Referral: ...

    async def submit(self, member: Member, body: Mapping[str, object], *, key: UUID) -> UUID: ...

    async def command(
        self, member: Member, referral_id: UUID, command: str, body: Mapping[str, object], *, key: str
    ) -> None: ...


class AccompanimentDesk(Protocol):
    """Joint accompaniments at the referrals service, called with the member's own access."""

    async def employment_services(self, member: Member, commune: str) -> Sequence[Party]: ...

    async def propose(self, member: Member, referral_id: UUID, service_code: str, *, key: str) -> UUID: ...

    async def page(self, member: Member, *, status: str, after: str, limit: int) -> AccompanimentPage: ...

    async def read(self, member: Member, accompaniment_id: UUID) -> Accompaniment: ...

    async def command(
        self, member: Member, accompaniment_id: UUID, command: str, body: Mapping[str, object], *, key: str
    ) -> None: ...

    async def save_plan(self, member: Member, accompaniment_id: UUID, body: Mapping[str, object]) -> None: ...

    async def save_note(self, member: Member, accompaniment_id: UUID, text: str) -> None: ...


class TrainingDesk(Protocol):
    """Sessions one can ask a seat in."""

    async def sessions(self, member: Member, *, limit: int) -> Sequence[TrainingSession]: ...


class AppointmentDesk(Protocol):
    """Appointments at the registration service, called with the member's own access."""

    async def between(self, member: Member, first: datetime, last: datetime) -> Sequence[Appointment]: ...

    async def read(self, member: Member, appointment_id: UUID) -> Appointment: ...

    async def offer(self, member: Member, body: Mapping[str, object], *, key: str) -> UUID: ...

    async def command(
        self, member: Member, appointment_id: UUID, command: str, body: Mapping[str, object], *, key: str
    ) -> None: ...


class PersonDesk(Protocol):
    """What a person's own link gives; raises LinkUnknown, LinkExpired, and LinkErased once the person was erased."""

    async def read(self, token: str) -> OwnAppointment: ...

    async def command(self, token: str, command: str, body: Mapping[str, object]) -> None: ...

    async def sharing(self, token: str) -> Sequence[Shared]: ...

    async def erase(self, token: str) -> None:
        """Have all that is kept about the person erased; asked again, nothing more happens."""
        ...


class PlanDrafts(Protocol):
    """Plans being changed, one for each member and accompaniment, readable by their author only."""

    async def read(
        self, accompaniment_id: UUID, member_id: UUID, *, now: datetime
    ) -> tuple[PlanDraft, datetime] | None:
        """Return what is kept, and since when."""
        ...

    async def change(
        self,
        accompaniment_id: UUID,
        member_id: UUID,
        edit: Callable[[PlanDraft], PlanDraft],
        *,
        new: PlanDraft,
        now: datetime,
    ) -> PlanDraft:
        """Apply `edit` under a lock to what is kept, or to `new` when nothing is."""
        ...

    async def discard(self, accompaniment_id: UUID, member_id: UUID) -> None: ...


class Sessions(Protocol):
    """Signed-in browsers; the token is known to the browser only."""

    async def open(self, member: Member, *, now: datetime, expires_at: datetime) -> str: ...

    async def find(self, token: str, *, now: datetime) -> Session | None: ...

    async def close(self, token: str) -> None: ...


class Drafts(Protocol):
    """Forms being filled in, readable by their author only."""

    async def read(self, draft_id: UUID, member_id: UUID, *, now: datetime) -> Draft:
        """Return what was typed; raises NotFound for somebody else's, and for one that nobody touched for a week."""
        ...

    async def change(self, draft_id: UUID, member_id: UUID, edit: Callable[[Draft], Draft], *, now: datetime) -> Draft:
        """Apply `edit` under a lock, creating the draft when it is new; raises NotFound for somebody else's."""
        ...

    async def unsent(self, member_id: UUID, *, now: datetime) -> Sequence[tuple[UUID, datetime]]: ...

    async def discard(self, draft_id: UUID, member_id: UUID) -> None: ...


class Communes(Protocol):
    """The official geography."""

    def find(self, text: str) -> Answer: ...

    def by_code(self, code: str) -> Commune | None: ...

    def authority(self, code: str) -> Authority | None:
        """Return who answers for a commune, for one that has merged since too; None for a code that is none."""
        ...

    def suggest(self, text: str, limit: int) -> Sequence[Commune]: ...


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """Part of an organisation's stream: which referrals changed, and where to read on."""

    referral_ids: tuple[UUID, ...]
    cursor: str
    more: bool
    unsettled_ids: tuple[UUID, ...] = ()
    """Those of `referral_ids` that another service's event named: the referrals service may not have read it yet."""


class Feed(Protocol):
    """An organisation's own ordered stream of events."""

    async def read(self, member: Member, *, after: str, wait_seconds: int) -> FeedBatch: ...


class Cursors(Protocol):
    """How far each organisation's stream was read, so that a restart does not read it from the start."""

    async def load(self, organisation_code: str) -> str: ...

    async def save(self, organisation_code: str, cursor: str) -> None: ...
