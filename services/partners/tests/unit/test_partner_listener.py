"""What partners are told of the broker's listener, and which settings of it contradict each other."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chassis.errors import SettingsRefused
from chassis.partner_listener import PartnerListenerSettings
from partners.adapters.partner_listener import PartnerListener
from partners.app.kafka_ports import KafkaAccess

ACCESS = KafkaAccess(uuid4(), "cd93", "partner-cd93-v1", "granted", True)
NAMED = {"kafka_partner_bootstrap": "kafka.example:9094", "kafka_partner_security_protocol": "SASL_SSL"}


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path]:
    """A key and its certificate, as somebody makes them by hand."""
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=Tests", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate


@pytest.mark.parametrize(
    ("values", "stack", "said"),
    [
        ({}, "site", None),
        ({"kafka_partner_bootstrap": "127.0.0.1:9094,[::1]:9095,localhost:9096"}, "site", None),
        ({"kafka_partner_bootstrap": "kafka.example:9094"}, "embedded", None),
        ({"kafka_partner_bootstrap": "127.0.0.1:9094,kafka.example:9094"}, "site", "must be SASL_SSL"),
        (NAMED, "site", None),
        ({**NAMED, "kafka_partner_bootstrap": ""}, "embedded", "MAILLAGE_KAFKA_PARTNER_BOOTSTRAP is required"),
        ({"kafka_partner_ca_file": "ca.pem"}, "embedded", "MAILLAGE_KAFKA_PARTNER_CA_FILE is not used"),
    ],
)
def test_contradiction_is_named(values: dict[str, Any], stack: str, said: str | None) -> None:
    found = PartnerListenerSettings.model_validate(values).partner_contradiction(stack)
    assert (found is None) if said is None else (found is not None and said in found)


def test_without_settings_a_partner_of_this_machine_is_told_no_certificate() -> None:
    listener = PartnerListener.of(PartnerListenerSettings(kafka_partner_bootstrap="127.0.0.1:9094"))
    assert listener.document(ACCESS) == {
        "bootstrap": "127.0.0.1:9094",
        "security_protocol": "SASL_PLAINTEXT",
        "mechanism": "SCRAM-SHA-512",
        "topic": "partner-cd93-v1",
        "username": "partner-cd93",
    }
    assert listener.client("u", "p")["ssl_context"] is None


def test_private_authority_is_told_and_a_key_beside_it_is_not(authority: tuple[Path, Path], tmp_path: Path) -> None:
    key, certificate = authority
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    listener = PartnerListener.of(PartnerListenerSettings.model_validate({**NAMED, "kafka_partner_ca_file": both}))
    told = listener.document(ACCESS)
    assert told["security_protocol"] == "SASL_SSL"
    assert told["certificate_authority"].split() == certificate.read_text().split()
    context = listener.client("u", "p")["ssl_context"]
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("text", [None, "", "no certificate\n"])
def test_authority_that_cannot_be_read_is_refused_at_start(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    settings = PartnerListenerSettings.model_validate({**NAMED, "kafka_partner_ca_file": file})
    with pytest.raises(SettingsRefused, match="MAILLAGE_KAFKA_PARTNER_CA_FILE"):
        PartnerListener.of(settings)
