"""Secrets are made once, readable by their owner only, and only hashes of them are told."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
from pathlib import Path

from maillage.secrets import CLIENTS, SERVICE_NAMES, Secrets


def test_every_file_is_private_when_generated(tmp_path: Path) -> None:
    Secrets(tmp_path / "secrets").generate()

    files = list((tmp_path / "secrets").iterdir())
    assert len(files) == 2 * len(SERVICE_NAMES) + len(CLIENTS) + 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_nothing_changes_when_generated_again(tmp_path: Path) -> None:
    Secrets(tmp_path).generate()
    before = {file.name: file.read_text() for file in tmp_path.iterdir()}

    Secrets(tmp_path).generate()

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == before


def test_clients_file_holds_hashes_and_no_secret(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path)

    text = secrets.bootstrap_clients_file().read_text()

    clients = {client["client_id"]: client for client in json.loads(text)}
    assert clients.keys() == CLIENTS.keys()
    for client_id, client in clients.items():
        secret = secrets.client_secret_file(client_id).read_text().strip()
        assert secret not in text
        assert client["secret_sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert clients["operator"]["scopes"] == ["operations"]
    assert clients["portal"]["scopes"] == ["members:act"]


def test_master_key_is_32_bytes_when_decoded(tmp_path: Path) -> None:
    key = Secrets(tmp_path).master_key_file("referrals").read_text().strip()

    assert len(base64.b64decode(key, validate=True)) == 32


def test_signing_key_is_ed25519_when_loaded(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = Secrets(tmp_path).signing_key_file().read_bytes()

    assert isinstance(load_pem_private_key(pem, password=None), Ed25519PrivateKey)
