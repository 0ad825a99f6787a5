"""Secrets of a local run: generated once, kept in files only their owner can read, never printed.

Losing the folder loses the personal data (the master keys wrap their keys): it belongs in the same backup as the data.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets as random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from maillage.errors import Refusal

SERVICE_NAMES = ("registration", "referrals", "training", "notifications", "partners", "portal")

CLIENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "registration": ("registration", ("claims:read",)),
    "referrals": ("referrals", ("claims:read",)),
    "training": ("training", ("claims:read",)),
    "notifications": ("notifications", ("claims:read",)),
    "partners": ("partners", ("claims:read",)),
    "portal": ("portal", ("members:act",)),
    "operator": ("operator", ("operations",)),
}
"""API clients that exist before any organisation: client id -> (organisation code, scopes)."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """The files, by purpose; each is written before it is named to anybody."""

    folder: Path

    def database_password(self, service: str) -> str:
        """Return the password of a service's database role."""
        return self._text(f"{service}.database-password", lambda: random.token_urlsafe(32))

    def master_key_file(self, service: str) -> Path:
        """Return the file of the key that wraps a service's personal data keys: 32 random bytes in base64."""
        return self._file(f"{service}.master-key", lambda: base64.b64encode(random.token_bytes(32)).decode())

    def client_secret_file(self, client_id: str) -> Path:
        """Return the file of an API client's secret: 256 random bits."""
        return self._file(f"{client_id}.client-secret", lambda: random.token_urlsafe(32))

    def signing_key_file(self) -> Path:
        """Return the file of the Ed25519 key that signs access tokens, PEM."""
        return self._file("partners.signing-key.pem", _ed25519_pem)

    def database_admin_password(self) -> str:
        """Return the password of the administrator's role, where the server is a container of ours."""
        return self._text("postgres.admin-password", lambda: random.token_urlsafe(32))

    def kafka_password_file(self) -> Path:
        """Return the file of the services' password on a broker that asks for one."""
        return self._file("maillage.kafka-password", lambda: random.token_urlsafe(32))

    def sms_token_file(self) -> Path:
        """Return the file of the token that the notifications service and its SMS provider share: 256 random bits."""
        return self._file("sms.token", lambda: random.token_urlsafe(32))

    def bootstrap_clients_file(self) -> Path:
        """Return the file that tells `partners` the first API clients: hashes only, of the secrets as they are now."""
        clients = [
            {
                "client_id": client_id,
                "secret_sha256": hashlib.sha256(_read(self.client_secret_file(client_id)).encode()).hexdigest(),
                "organisation_code": organisation,
                "scopes": list(scopes),
            }
            for client_id, (organisation, scopes) in CLIENTS.items()
        ]
        path, text = self.folder / "bootstrap-clients.json", json.dumps(clients, indent=2)
        # A replay is given the folder to read only.
        if not path.exists() or _read(path) != text:
            _write(path, text)
        return path

    def generate(self) -> None:
        """Make every secret that does not exist yet."""
        for service in SERVICE_NAMES:
            self.database_password(service)
            self.master_key_file(service)
        self.signing_key_file()
        self.sms_token_file()
        self.bootstrap_clients_file()

    def _text(self, name: str, make: Callable[[], str]) -> str:
        return _read(self._file(name, make))

    def _file(self, name: str, make: Callable[[], str]) -> Path:
        path = self.folder / name
        if not path.exists():
            _write(path, make())
        return path


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read; the old content stays whole until the new one is."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(draft, path)


def _write(path: Path, text: str) -> None:
    try:
        write_private(path, text + "\n")
        path.parent.chmod(0o700)
    except OSError as error:
        raise Refusal(
            f"Le dossier des secrets ne peut pas être écrit ({path}: {error.strerror}) · secrets cannot be written",
            "donnez-vous le droit d'écrire dans ce dossier, ou choisissez-en un autre avec MAILLAGE_DATA_DIR",
        ) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refusal(
            f"Un secret ne peut pas être lu ({path}: {error.strerror}) · a secret cannot be read",
            "relancez avec le compte qui a créé ces données, ou choisissez un autre dossier avec MAILLAGE_DATA_DIR",
        ) from None


def _ed25519_pem() -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
