"""Facts about joining: an organisation asks to take part, says that its address is its own, and is answered.

Nothing here says who asked: the mail address is known to partners alone, which gives it to whoever writes the mails.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from maillage_contracts.base import Event
from maillage_contracts.organisations import OrganisationEvent
from maillage_contracts.types import OrganisationId, UtcDatetime


class JoinRequestEvent(Event):
    """What every event of a request to join carries."""

    aggregate_field: ClassVar[str] = "join_request_id"

    join_request_id: UUID = Field(description="Stable for the life of the request.")


class JoinRequestSubmitted(JoinRequestEvent):
    """Somebody asked to join in the name of an organisation.

    Emitted by partners once per request, first. It does not mean that the mail address is the asker's, nor that the
    organisation exists: wait for `confirmed`, then for `approved`.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.join_request.submitted.v1"

    sandbox: bool = Field(description="Asked for the sandbox: nobody has to approve.")
    submitted_at: UtcDatetime = Field(description="When it was asked.")
    expires_at: UtcDatetime = Field(description="When it ends by itself unless it is confirmed.")


class JoinRequestConfirmed(JoinRequestEvent):
    """Whoever asked to join has followed the link that was mailed.

    Emitted by partners once per request. It does not mean that anybody has approved it.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.join_request.confirmed.v1"

    confirmed_at: UtcDatetime = Field(description="When the link was followed.")


class JoinRequestApproved(JoinRequestEvent):
    """The organisation that asked takes part from now on.

    Emitted by partners once per request, after `organisation.registered`. It does not mean that the credentials were
    fetched, nor that anything is read with them.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.join_request.approved.v1"

    organisation_id: OrganisationId = Field(description="The organisation, as it takes part.")
    approved_at: UtcDatetime = Field(description="When it was approved.")


class JoinRequestRefused(JoinRequestEvent):
    """A request to join was refused by an operator.

    Emitted by partners once per request. The reason is for the asker alone; another request may follow.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.join_request.refused.v1"

    refused_at: UtcDatetime = Field(description="When it was refused.")


class JoinRequestExpired(JoinRequestEvent):
    """A request to join ended by itself: it was not confirmed, or not answered, in time.

    Emitted by partners at most once per request, by the clock. Nothing is kept of the asker's address.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.join_request.expired.v1"

    expired_at: UtcDatetime = Field(description="When it ended.")


class AccessEnded(OrganisationEvent):
    """Tokens that were issued on some ground are refused from the moment this is read.

    Emitted by partners when a secret is revoked, or when a member leaves or gets another role. The ground is in the
    token's claim `grant`. Tokens live five minutes, so a reader may forget it ten minutes later.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.access.ended.v1"

    grant_id: UUID = Field(description="As in the tokens.")
    ended_at: UtcDatetime = Field(description="When it ended; nothing is issued on it after that.")
