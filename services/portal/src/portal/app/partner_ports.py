"""What the pages of organisations and operators need from the partners service. Failures are those of
`portal.domain.errors`, nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from portal.domain.joining import JoinRequest, JoinState, Place, ProgramAccess, TerritoryRead
from portal.domain.member import Member
from portal.domain.partner import ApiClient, Delivery, KafkaUser, Post, ShownSecret, Tried, Webhook
from portal.domain.period import Period
from portal.domain.stream_types import StreamTypes


class Places(Protocol):
    """The official geography, for a territory."""

    def read(self, text: str) -> TerritoryRead: ...

    def names(self, codes: Mapping[str, tuple[str, ...]]) -> tuple[Place, ...]: ...


class JoinDesk(Protocol):
    """Asking to join, and what the mailed link gives. Raises LinkUnknown and LinkExpired."""

    async def ask(self, body: Mapping[str, object], *, key: str, visitor: str) -> None: ...

    async def read(self, token: str) -> JoinState: ...

    async def confirm(self, token: str) -> None: ...

    async def credentials(self, token: str) -> ProgramAccess:
        """Return the access with its secrets, once; raises Gone afterwards."""
        ...

    async def test_event(self, token: str) -> str:
        """Have a test referral made, and return its event's id; it enters the organisation's stream in a moment."""
        ...


class OperatorDesk(Protocol):
    """What operators decide."""

    async def requests(self, member: Member, state: str) -> Sequence[JoinRequest]:
        """Return the requests in a state that have waited longest, a hundred at most."""
        ...

    async def request(self, member: Member, request_id: str) -> JoinRequest:
        """Return one request; raises NotFound."""
        ...

    async def approve(self, member: Member, request_id: str, code: str) -> None: ...

    async def refuse(self, member: Member, request_id: str, reason: str) -> None: ...

    async def organisations(self, member: Member) -> Sequence[tuple[str, str, str]]:
        """Return code, name and kind of each organisation."""
        ...

    async def organisation(self, member: Member, code: str) -> tuple[str, str]:
        """Return an organisation's name and kind; raises NotFound."""
        ...


class AccessDesk(Protocol):
    """An organisation's programs and members; `code` names another organisation than the member's, for operators."""

    async def clients(self, member: Member, code: str) -> Sequence[ApiClient]: ...

    async def new_client(self, member: Member, code: str) -> ShownSecret: ...

    async def new_secret(self, member: Member, code: str, client_id: str, overlap_hours: int) -> ShownSecret: ...

    async def end_secret(self, member: Member, code: str, client_id: str, secret_id: str) -> None: ...

    async def revoke(self, member: Member, code: str, client_id: str) -> None: ...

    async def kafka(self, member: Member, code: str) -> KafkaUser | None:
        """Return the organisation's access to Kafka, if it has one that does not end."""
        ...

    async def new_kafka_password(self, member: Member, code: str) -> ShownSecret: ...

    async def members(self, member: Member, code: str) -> Sequence[Post]: ...

    async def add_member(self, member: Member, code: str, role: str, label: str) -> None: ...

    async def change_member(self, member: Member, code: str, member_id: str, role: str, label: str) -> None: ...

    async def remove_member(self, member: Member, code: str, member_id: str) -> None: ...


class WebhookDesk(Protocol):
    """An organisation's webhooks; `code` as above."""

    async def webhooks(self, member: Member, code: str) -> Sequence[Webhook]: ...

    async def webhook(self, member: Member, code: str, webhook_id: str) -> Webhook: ...

    async def add(self, member: Member, code: str, url: str, types: Sequence[str]) -> tuple[Webhook, str]:
        """Return the webhook and its secret, which is shown here only."""
        ...

    async def act(self, member: Member, code: str, webhook_id: str, act: str) -> None:
        """Pause, resume or verify."""
        ...

    async def test(self, member: Member, code: str, webhook_id: str) -> Tried: ...

    async def new_secret(self, member: Member, code: str, webhook_id: str, overlap_hours: int) -> str: ...

    async def redeliver(self, member: Member, code: str, webhook_id: str, what: Mapping[str, str]) -> None: ...

    async def delete(self, member: Member, code: str, webhook_id: str) -> None: ...

    async def deliveries(
        self, member: Member, code: str, webhook_id: str, *, outcome: str, before: str
    ) -> tuple[Sequence[Delivery], str]:
        """Return part of the log, newest first, and where the next part begins; empty at the end."""
        ...


class TypesDesk(Protocol):
    """The types of event that an organisation's stream takes; `code` as above."""

    async def types(self, member: Member, code: str) -> StreamTypes: ...

    async def choose(self, member: Member, code: str, types: Sequence[str] | None, version: int) -> StreamTypes:
        """Take these types from now on, None for all of the organisation's role.

        Raises Conflict where somebody changed the organisation since `version`, and its types are others.
        """
        ...


class StreamFiles(Protocol):
    """The events of an organisation as a file."""

    async def open(self, member: Member, period: Period, form: str) -> AsyncGenerator[bytes, None]:
        """Return the file, part after part, once the service has begun to give it; raises `portal.domain.errors`.

        Whoever takes it closes it. Broken off on the way, it raises ServiceSilent.
        """
        ...
