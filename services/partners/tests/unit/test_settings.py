"""Settings that cannot work are refused at start, by name and without their value."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.clock import SystemClock
from chassis.errors import SettingsRefused
from chassis.settings import load
from partners.adapters.bootstrap import read_bootstrap_clients
from partners.adapters.signing import TokenSigner
from partners.settings import PartnersSettings


def test_settings_are_refused_by_name_when_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIGNING_KEY_FILE", "BOOTSTRAP_CLIENTS_FILE", "TOKEN_ISSUER"):
        monkeypatch.delenv(f"MAILLAGE_{name}", raising=False)

    with pytest.raises(SettingsRefused) as caught:
        load(PartnersSettings)

    for name in ("SIGNING_KEY_FILE", "BOOTSTRAP_CLIENTS_FILE", "TOKEN_ISSUER"):
        assert f"MAILLAGE_{name}" in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_signing_key_is_refused_when_the_file_holds_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)

    with pytest.raises(SettingsRefused, match="MAILLAGE_SIGNING_KEY_FILE"):
        TokenSigner.from_file(path, "issuer", SystemClock())


def test_signing_key_is_refused_when_it_is_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    key = generate_private_key(65537, 2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    with pytest.raises(SettingsRefused, match="MAILLAGE_SIGNING_KEY_FILE"):
        TokenSigner.from_file(path, "issuer", SystemClock())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '[{"client_id": "x"}]',
        '[{"client_id":"x","secret_sha256":"canary","organisation_code":"x","scopes":[]}]',
    ],
)
def test_bootstrap_clients_are_refused_without_their_values_when_malformed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "clients.json"
    path.write_text(content)

    with pytest.raises(SettingsRefused, match="MAILLAGE_BOOTSTRAP_CLIENTS_FILE") as caught:
        read_bootstrap_clients(path)

    assert "canary" not in str(caught.value)
