"""What the use cases need from outside. Failures are those of `portal.domain.errors`, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from portal.domain.commune import Answer, Commune
from portal.domain.draft import Draft
from portal.domain.member import Member, Session
from portal.domain.referral import Referral, ReferralPage


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


class Sessions(Protocol):
    """Signed-in browsers; the token is known to the browser only."""

    async def open(self, member: Member, *, now: datetime, expires_at: datetime) -> str: ...

    async def find(self, token: str, *, now: datetime) -> Session | None: ...

    async def close(self, token: str) -> None: ...


class Drafts(Protocol):
    """Forms being filled in, readable by their author only."""

    async def read(self, draft_id: UUID, member_id: UUID) -> Draft: ...

    async def change(self, draft_id: UUID, member_id: UUID, edit: Callable[[Draft], Draft], *, now: datetime) -> Draft:
        """Apply `edit` under a lock, creating the draft when it is new; raises NotFound for somebody else's."""
        ...

    async def unsent(self, member_id: UUID) -> Sequence[tuple[UUID, datetime]]: ...

    async def discard(self, draft_id: UUID, member_id: UUID) -> None: ...


class Communes(Protocol):
    """The official geography."""

    def find(self, text: str) -> Answer: ...

    def by_code(self, code: str) -> Commune | None: ...

    def suggest(self, text: str, limit: int) -> Sequence[Commune]: ...


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """Part of an organisation's stream: which referrals changed, and where to read on."""

    referral_ids: tuple[UUID, ...]
    cursor: str
    more: bool
    person_ids: tuple[UUID, ...] = ()
    """Those of `referral_ids` that an event about a person named."""


class Feed(Protocol):
    """An organisation's own ordered stream of events."""

    async def read(self, member: Member, *, after: str, wait_seconds: int) -> FeedBatch: ...


class Cursors(Protocol):
    """How far each organisation's stream was read, so that a restart does not read it from the start."""

    async def load(self, organisation_code: str) -> str: ...

    async def save(self, organisation_code: str, cursor: str) -> None: ...
