"""What the partners process reads from its environment, besides what every service does."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from chassis.settings import ServiceSettings


class PartnersSettings(ServiceSettings):
    """Settings of `partners`."""

    token_issuer: str = Field(min_length=1, description="The `iss` of the access tokens that are issued here.")
    signing_key_file: Path = Field(description="Ed25519 private key (PEM) that signs access tokens.")
    bootstrap_clients_file: Path = Field(description="JSON list of the API clients that exist before any organisation.")
    kafka_partner_bootstrap: str = Field(default="", description="host:port list that partners are told.")
