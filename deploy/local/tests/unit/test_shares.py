"""Which container may read which secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.errors import SettingsRefused
from maillage.desk.settings import DeskSettings
from maillage.secrets import SERVICE_NAMES, Secrets
from maillage.shares import distribute


def contents(parent: Path) -> dict[str, str]:
    """Return every file below a folder by its path."""
    return {str(path.relative_to(parent)): path.read_text("utf-8") for path in parent.rglob("*") if path.is_file()}


def test_each_service_has_its_own_files_and_nobody_elses(tmp_path: Path) -> None:
    parent = distribute(Secrets(tmp_path / "secrets"))

    for service in SERVICE_NAMES:
        names = {path.name for path in (parent / service).iterdir()}
        assert {f"{service}.master-key", f"{service}.client-secret", "pgpass"} <= names
        assert not any(name.startswith(f"{other}.") for name in names for other in SERVICE_NAMES if other != service)
    holders = {name for name, text in contents(parent).items() if "PRIVATE KEY" in text}
    assert holders == {"partners/partners.signing-key.pem"}
    assert "maillage.kafka-password" not in {path.name for path in (parent / "portal").iterdir()}


def test_the_administrator_of_databases_is_known_to_the_server_and_the_jobs_only(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    parent = distribute(secrets)

    holders = {name for name, text in contents(parent).items() if secrets.database_admin_password() in text}
    assert holders == {"postgres/admin-password", "jobs/pgpass"}


def test_an_operators_command_examines_databases_as_their_services_and_holds_no_key(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    folder = distribute(secrets) / "command"

    assert {path.name for path in folder.iterdir()} == {"operator.client-secret", "pgpass", "maillage.kafka-password"}
    lines = (folder / "pgpass").read_text("utf-8").splitlines()
    assert [line.split(":")[3] for line in lines] == [f"maillage_{service}" for service in SERVICE_NAMES]


def test_a_second_time_changes_nothing_and_takes_back_what_is_no_longer_given(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    parent = distribute(secrets)
    before = contents(parent)
    (parent / "portal" / "partners.signing-key.pem").write_text("left by an older version", "ascii")
    (parent / "gone").mkdir()

    assert contents(distribute(secrets)) == before
    assert not (parent / "gone").exists()


def test_only_postgresqls_own_account_may_read_besides_ours(tmp_path: Path) -> None:
    parent = distribute(Secrets(tmp_path / "secrets"))

    assert parent.stat().st_mode & 0o077 == 0
    open_to_others = {
        str(path.relative_to(parent)) for path in parent.rglob("*") if path.is_file() and path.stat().st_mode & 0o077
    }
    assert open_to_others == {"postgres/admin-password"}


def test_the_desk_never_runs_on_a_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("token", "ascii")
    settings = {
        "DESK_FOLDER": str(tmp_path),
        "DESK_PORT": "1",
        "SMTP_PORT": "1",
        "SMS_TOKEN_FILE": str(tmp_path / "token"),
        "NOTIFICATIONS_URL": "http://notifications.test",
        "PORTAL_URL": "http://portal.test",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"MAILLAGE_{name}", value)

    assert DeskSettings.from_environment().host == "127.0.0.1"
    monkeypatch.setenv("MAILLAGE_STACK", "site")
    with pytest.raises((ValueError, SettingsRefused), match="MAILLAGE_STACK"):
        DeskSettings.from_environment()
