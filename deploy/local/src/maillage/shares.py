"""Who may read which secret, where each part is a container: one folder a reader, with its own files and no other's.

The same secrets, under the same names, as a run on one machine keeps (`maillage.secrets`); a container is given its
reader's folder only. Passwords of databases are given as a `pgpass` file, so that no DSN holds one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from maillage.databases import name_of
from maillage.secrets import SERVICE_NAMES, Secrets, write_private

ADMINISTRATOR = "postgres"
"""Reader of the folder of the database server, and its first role."""
JOBS = "jobs"
"""Reader of the folder of the jobs that prepare servers."""
COMMAND = "command"
"""Reader of the folder of an operator's command line."""
WITHOUT_KAFKA = frozenset({"portal"})


def distribute(secrets: Secrets) -> Path:
    """Bring every reader's folder into line with the secrets, making those that do not exist; return their parent."""
    secrets.generate()
    parent = secrets.folder / "shares"
    parent.mkdir(mode=0o700, exist_ok=True)
    for reader, files in _files(secrets).items():
        folder = parent / reader
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, text in files.items():
            write_private(folder / name, text)
            if reader == ADMINISTRATOR:
                # PostgreSQL's own account reads it, where only its container sees this folder; `shares` stays ours.
                (folder / name).chmod(0o644)
        if reader == ADMINISTRATOR:
            folder.chmod(0o755)
        for left in set(folder.iterdir()) - {folder / name for name in files}:
            left.unlink()
    for left in set(parent.iterdir()) - {parent / reader for reader in _files(secrets)}:
        shutil.rmtree(left)
    return parent


def _files(secrets: Secrets) -> dict[str, dict[str, str]]:
    """Return reader -> file name -> content."""
    administrator = secrets.database_admin_password()
    kafka = {secrets.kafka_password_file().name: _text(secrets.kafka_password_file())}
    sms = {secrets.sms_token_file().name: _text(secrets.sms_token_file())}
    own = {
        service: {
            path.name: _text(path) for path in (secrets.master_key_file(service), secrets.client_secret_file(service))
        }
        | {"pgpass": _pgpass(name_of(service), secrets.database_password(service))}
        | ({} if service in WITHOUT_KAFKA else kafka)
        for service in SERVICE_NAMES
    }
    own["notifications"] |= sms
    own["partners"] |= {
        path.name: _text(path) for path in (secrets.signing_key_file(), secrets.bootstrap_clients_file())
    }
    operator = secrets.client_secret_file("operator")
    return {
        **own,
        "desk": sms,
        "operator": {operator.name: _text(operator)},
        # Databases are examined as each service's own role: an operator's command needs no administrator's password.
        COMMAND: {operator.name: _text(operator), "pgpass": _pgpasses(secrets), **kafka},
        ADMINISTRATOR: {"admin-password": administrator},
        JOBS: {"pgpass": _pgpass(ADMINISTRATOR, administrator), **kafka},
    }


def _pgpass(role: str, password: str) -> str:
    return f"*:*:*:{role}:{password}\n"


def _pgpasses(secrets: Secrets) -> str:
    return "".join(_pgpass(name_of(service), secrets.database_password(service)) for service in SERVICE_NAMES)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
