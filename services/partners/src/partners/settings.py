"""What the partners process reads from its environment, besides what every service does."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from chassis.partner_listener import PartnerListenerSettings
from chassis.settings import SECRET_FILE, ServiceSettings


class PartnersSettings(ServiceSettings, PartnerListenerSettings):
    """Settings of `partners`."""

    token_issuer: str = Field(min_length=1, description="The `iss` of the access tokens that are issued here.")
    signing_key_file: Path = Field(
        description="Ed25519 private key (PEM) that signs access tokens.", json_schema_extra=SECRET_FILE
    )
    bootstrap_clients_file: Path = Field(
        description="JSON list of the API clients that exist before any organisation; hashes of their secrets only."
    )
    kafka_reconcile_seconds: float = Field(
        default=60.0,
        ge=0.1,
        le=3600,
        description="Seconds between two comparisons of what Kafka has of the partners' accesses with what is granted.",
    )
    public_url: str = Field(
        default="", description="Where partners reach this service; empty for wherever their request came to."
    )
    webhook_loopback: bool = Field(
        default=False, description="Demonstrations and tests: webhooks may point at this machine, without TLS."
    )

    @model_validator(mode="after")
    def _no_loopback_on_a_site(self) -> Self:
        if self.webhook_loopback and self.stack == "site":
            raise ValueError("MAILLAGE_WEBHOOK_LOOPBACK is not accepted with MAILLAGE_STACK=site")
        return self

    @model_validator(mode="after")
    def _one_way_for_partners(self) -> Self:
        if fault := self.partner_contradiction(self.stack):
            raise ValueError(fault)
        return self
