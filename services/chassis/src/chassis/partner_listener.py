"""Where and how organisations outside reach the broker: one listener, named by the same settings for whoever tells it.

The services' own way to the broker is another one (`BrokerSettings`): it may be in clear on a private network. What
leaves that network may not, so a site that names partners an address elsewhere than this machine needs TLS there.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field

from chassis.settings import DeclaredSettings

PROTOCOL = "MAILLAGE_KAFKA_PARTNER_SECURITY_PROTOCOL"
CA_FILE = "MAILLAGE_KAFKA_PARTNER_CA_FILE"


class PartnerListenerSettings(DeclaredSettings):
    """How partners reach the broker."""

    kafka_partner_bootstrap: str = Field(default="", description="host:port list that partners are told.")
    kafka_partner_security_protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="SASL_PLAINTEXT",
        description="What partners speak there; a site whose partners come from elsewhere needs SASL_SSL.",
    )
    kafka_partner_ca_file: Path | None = Field(
        default=None,
        description="CA certificates of that listener where no system knows its authority; partners are told them.",
    )

    def partner_contradiction(self, stack: str) -> str | None:
        """Return what is contradictory in how partners are to reach the broker, or None."""
        protocol, told = self.kafka_partner_security_protocol, self.kafka_partner_bootstrap
        if protocol == "SASL_PLAINTEXT":
            if self.kafka_partner_ca_file is not None:
                return f"{CA_FILE} is not used with {PROTOCOL}=SASL_PLAINTEXT"
            if stack == "site" and told and not all(map(_on_this_machine, told.split(","))):
                return f"{PROTOCOL} must be SASL_SSL with MAILLAGE_STACK=site and MAILLAGE_KAFKA_PARTNER_BOOTSTRAP"
        elif not told:
            return f"MAILLAGE_KAFKA_PARTNER_BOOTSTRAP is required with {PROTOCOL}=SASL_SSL"
        return None


def _on_this_machine(address: str) -> bool:
    host = address.strip().rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
