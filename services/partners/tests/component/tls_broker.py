"""A real broker whose partners' listener speaks TLS with the certificate of an authority made for one test."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from maillage.stack.kafka import Kafka, KafkaConfig


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority that no system knows."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, name: str) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _certificate(subject, subject, key).add_extension(x509.BasicConstraints(True, 0), critical=True)
        return cls(key, builder.sign(key, hashes.SHA256()))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def server(self, address: str) -> tuple[str, str]:
        """Return a key and its certificate, in PEM, for a server at an IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
        where = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        signed = (
            _certificate(subject, self.certificate.subject, key)
            .add_extension(where, critical=False)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return private, signed.public_bytes(Encoding.PEM).decode()


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


class TlsKafka(Kafka):
    """The embedded broker, with TLS on the partners' listener as a site has it."""

    def __init__(self, config: KafkaConfig, authority: Authority) -> None:
        super().__init__(config)
        self._files = config.directory
        self._authority = authority

    def prepare(self, report: Callable[[str], None]) -> None:
        super().prepare(report)
        private, certificate = self._authority.server("127.0.0.1")
        store = self._files / "partners.pem"
        store.touch(0o600)
        store.write_text(private + certificate + self._authority.pem)
        properties = self._files / "server.properties"
        before = properties.read_text()
        after = before.replace("PARTNERS:SASL_PLAINTEXT", "PARTNERS:SASL_SSL")
        assert after != before
        prefix = "listener.name.partners.ssl.keystore"
        properties.write_text(f"{after}{prefix}.type=PEM\n{prefix}.location={store}\n")


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file and return where."""
    path = folder / name
    path.write_text(text)
    return path
