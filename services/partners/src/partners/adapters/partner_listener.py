"""The listener that partners read from: what they are told of it, and how this service tries it as they will.

One home for its address, protocol and authority: documents, commands and our own trial cannot tell different ones.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from chassis.errors import SettingsRefused
from chassis.partner_listener import CA_FILE, PartnerListenerSettings
from partners.app.kafka_ports import KafkaAccess
from partners.domain.kafka_access import user_of
from partners.domain.kafka_drift import MECHANISM


@dataclass(frozen=True, slots=True)
class PartnerListener:
    """Where and how partners reach Kafka."""

    bootstrap: str
    """host:port list; empty where partners have no Kafka."""
    security_protocol: str
    certificate_authority: str = ""
    """Certificates in PEM, public; empty where the system's authorities know the broker's."""

    @classmethod
    def of(cls, settings: PartnerListenerSettings) -> Self:
        """Return what the settings say, or raise SettingsRefused when the authority cannot be read."""
        return cls(
            settings.kafka_partner_bootstrap,
            settings.kafka_partner_security_protocol,
            _certificates(settings.kafka_partner_ca_file),
        )

    def document(self, access: KafkaAccess) -> dict[str, Any]:
        """Return what an organisation's program needs to reach its topic, but the password."""
        authority = {"certificate_authority": self.certificate_authority} if self.certificate_authority else {}
        return {
            "bootstrap": self.bootstrap,
            "security_protocol": self.security_protocol,
            **authority,
            "mechanism": MECHANISM,
            "topic": access.topic,
            "username": user_of(access.code),
        }

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return how the broker's certificate and name are checked; None where there is none."""
        if self.security_protocol != "SASL_SSL":
            return None
        return ssl.create_default_context(cadata=self.certificate_authority or None)

    def client(self, user: str, password: str) -> dict[str, Any]:
        """Return what an aiokafka client needs to log in there."""
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
            "ssl_context": self.ssl_context(),
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": user,
            "sasl_plain_password": password,
        }


def _certificates(path: Path | None) -> str:
    """Return a file's certificates without anything that stands beside them, such as a key put there by mistake."""
    if path is None:
        return ""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=path)
        found = context.get_ca_certs(binary_form=True)
    except OSError as error:
        raise SettingsRefused(f"{CA_FILE}: cannot read certificates in {path} ({error.strerror})") from None
    if not found:
        raise SettingsRefused(f"{CA_FILE}: {path} holds no certificate of an authority")
    return "".join(ssl.DER_cert_to_PEM_cert(one) for one in found)
