"""What a service's process is given: its own secrets, and nothing of the administrator's."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from maillage import viewer
from maillage.databases import dsn_for, prepare
from maillage.errors import Refusal
from maillage.secrets import SERVICE_NAMES, Secrets
from maillage.services import Endpoints, environment, inherited, not_ready_because
from maillage.settings import LocalSettings, default_data_dir, load

ENDPOINTS = Endpoints(
    "127.0.0.1:9092", "127.0.0.1:9094", {name: f"postgresql://{name}@db/{name}" for name in SERVICE_NAMES}
)


def test_administrator_and_other_databases_are_kept_back_when_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILLAGE_POSTGRES_DSN", "postgresql://admin:canary-admin@db/postgres")
    monkeypatch.setenv("MAILLAGE_PARTNERS_DATABASE_DSN", "postgresql://p:canary-partners@db/p")
    settings = LocalSettings(data_dir=tmp_path)

    given = environment("referrals", settings, Secrets(tmp_path / "secrets"), ENDPOINTS)

    assert "canary" not in "".join(given.values())
    assert given["MAILLAGE_DATABASE_DSN"] == "postgresql://referrals@db/referrals"


def test_only_partners_may_sign_when_environments_are_made(tmp_path: Path) -> None:
    settings = LocalSettings(data_dir=tmp_path)
    secrets = Secrets(tmp_path / "secrets")

    signers = [
        name for name in SERVICE_NAMES if "MAILLAGE_SIGNING_KEY_FILE" in environment(name, settings, secrets, ENDPOINTS)
    ]

    assert signers == ["partners"]


def test_notices_leave_by_the_desk_and_only_their_service_knows_how(tmp_path: Path) -> None:
    settings, secrets = LocalSettings(data_dir=tmp_path, desk_port=18010, smtp_port=12525), Secrets(tmp_path / "s")

    given = {name: environment(name, settings, secrets, ENDPOINTS) for name in SERVICE_NAMES}

    assert {name: value for name, value in given["notifications"].items() if "SM" in name or "QUIET" in name} == {
        "MAILLAGE_SMTP_HOST": "127.0.0.1",
        "MAILLAGE_SMTP_PORT": "12525",
        "MAILLAGE_SMS_URL": "http://127.0.0.1:18010/sms-api",
        "MAILLAGE_SMS_TOKEN_FILE": str(secrets.sms_token_file()),
        "MAILLAGE_QUIET_HOURS": "off",
    }
    assert not [name for name in SERVICE_NAMES if name != "notifications" and "MAILLAGE_SMS_TOKEN_FILE" in given[name]]


def test_a_site_s_notices_leave_by_what_it_names_and_never_by_the_desk(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "s")
    nothing = environment("notifications", LocalSettings(data_dir=tmp_path, stack="site"), secrets, ENDPOINTS)
    token = tmp_path / "token"
    named = LocalSettings(
        data_dir=tmp_path, stack="site", sms_url="https://sms.example", sms_token_file=token, zipkin="on"
    )
    given = environment("notifications", named, secrets, ENDPOINTS)

    assert not {"MAILLAGE_SMTP_HOST", "MAILLAGE_SMS_URL", "MAILLAGE_SMS_TOKEN_FILE"} & nothing.keys()
    assert "MAILLAGE_QUIET_HOURS" not in nothing
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in nothing
    assert given["MAILLAGE_SMS_TOKEN_FILE"] == str(token)
    assert given["MAILLAGE_SMS_URL"] == "https://sms.example"
    assert not named.has_zipkin


def test_spans_go_to_the_desk_unless_a_collector_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, secrets = LocalSettings(data_dir=tmp_path, desk_port=18010), Secrets(tmp_path / "s")
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet")
    to_desk = environment("referrals", settings, secrets, ENDPOINTS)
    assert to_desk["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:18010"
    assert to_desk["NO_PROXY"] == to_desk["no_proxy"] == "intranet,127.0.0.1"
    assert viewer.wanted(settings)

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318/v1/traces")
    elsewhere = environment("referrals", settings, secrets, ENDPOINTS)
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in elsewhere
    assert elsewhere["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "http://collector:4318/v1/traces"
    assert not viewer.wanted(settings), "a viewer without spans would be an empty page"


def test_compiled_modules_are_kept_in_our_own_cache_when_sources_are_to_stay_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    given = inherited()
    assert "PYTHONDONTWRITEBYTECODE" not in given
    assert given["PYTHONPYCACHEPREFIX"] == str(tmp_path / "maillage" / "bytecode")

    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "/own")
    assert inherited()["PYTHONPYCACHEPREFIX"] == "/own"
    monkeypatch.delenv("PYTHONPYCACHEPREFIX")
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    assert "PYTHONPYCACHEPREFIX" not in inherited()


def test_another_time_is_refused_outside_tests(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="MAILLAGE_CLOCK_FILE"):
        LocalSettings(data_dir=tmp_path, clock_file=tmp_path / "clock")


def test_demonstration_login_is_off_when_on_a_site(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")

    def login(settings: LocalSettings) -> str:
        return environment("portal", settings, secrets, ENDPOINTS)["MAILLAGE_DEMO_LOGIN"]

    assert login(LocalSettings(data_dir=tmp_path)) == "true"
    assert login(LocalSettings(data_dir=tmp_path, stack="site")) == "false"


def test_password_is_quoted_when_dsn_is_made() -> None:
    dsn = dsn_for("postgresql://admin:x@db.example:6000/postgres?sslmode=require", "maillage_portal", "role", "a/b@c:d")

    assert dsn == "postgresql://role:a%2Fb%40c%3Ad@db.example:6000/maillage_portal?sslmode=require"


def test_administrator_stays_when_only_the_database_changes() -> None:
    assert dsn_for("postgresql://admin:x@db/postgres", "other") == "postgresql://admin:x@db/other"


def test_failing_checks_are_named_when_not_ready() -> None:
    assert not_ready_because({"checks": {"database": "ok", "kafka": "not connected"}}) == "kafka: not connected"


def test_own_database_is_used_when_set(tmp_path: Path) -> None:
    settings = LocalSettings(data_dir=tmp_path, portal_database_dsn=SecretStr("postgresql://portal@elsewhere/p"))

    assert settings.own_database_of("portal") == "postgresql://portal@elsewhere/p"
    assert settings.own_database_of("partners") is None


def test_data_folder_is_the_checkout_s_when_called_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deploy" / "local").mkdir(parents=True)
    (tmp_path / "deploy" / "local" / "pyproject.toml").touch()
    below = tmp_path / "services" / "portal"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.delenv("MAILLAGE_DATA_DIR", raising=False)

    assert default_data_dir() == tmp_path / ".maillage"
    assert load().data_dir == tmp_path / ".maillage"


async def test_unreachable_database_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        await prepare("postgresql://a:canary@127.0.0.1:1/x", LocalSettings(data_dir=tmp_path), Secrets(tmp_path / "s"))

    assert "MAILLAGE_POSTGRES_DSN" in refusal.value.remedy
    assert "canary" not in refusal.value.sentence
