"""Facts about the webhooks of organisations: never where one points, nor what was sent."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from maillage_contracts.organisations import OrganisationEvent
from maillage_contracts.types import Slug, UtcDatetime


class WebhookDisabled(OrganisationEvent):
    """One of an organisation's webhooks gets nothing any more until somebody resumes it.

    Emitted by partners when a receiver answers 410, or when the last attempt at an event has failed. Nothing is lost:
    once resumed it goes on where it stopped, and the feed has everything meanwhile.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.webhook.disabled.v1"

    webhook_id: UUID = Field(description="Which webhook, as in the API.")
    reason: Slug = Field(description="Open set; today `gone` (410) or `exhausted`.", examples=["exhausted"])
    disabled_at: UtcDatetime = Field(description="When it was disabled.")
