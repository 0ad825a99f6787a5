"""Services named by their addresses: where the names come from, and what each answer makes of doctor and status."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from chassis.version import version
from maillage import elsewhere
from maillage.cli import NOT_RUNNING, app, main
from maillage.databases import dsn_to_examine
from maillage.elsewhere import settings_from
from maillage.errors import Refusal
from maillage.examination import database_checks
from maillage.logs import log_file
from maillage.settings import LocalSettings
from maillage.status_document import DatabaseFacts, StatusDocument
from maillage.traces import of_referral

READY: dict[str, Any] = {"ready": True, "version": version(), "checks": {}}
ANSWERS: dict[str, Any] = {
    "portal.test": {**READY, "service": "portal"},
    "referrals.test": {**READY, "service": "referrals", "ready": False, "checks": {"database": "unreachable"}},
    "training.test": {**READY, "service": "referrals"},
    "partners.test": {**READY, "service": "partners", "version": "0.0.1"},
    "registration.test": "<html>",
}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("MAILLAGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MAILLAGE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture(autouse=True)
def net(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        found = ANSWERS.get(request.url.host)
        if found is None or request.url.path != "/health/ready":
            raise httpx.ConnectError("nobody")
        return httpx.Response(200, text=found if isinstance(found, str) else json.dumps(found))

    monkeypatch.setattr(
        elsewhere, "http_client", lambda *_, **__: httpx.AsyncClient(transport=httpx.MockTransport(answer))
    )


def name(*services: str) -> str:
    return ",".join(f"{service}=https://{service}.test" for service in services)


def checks(*arguments: str) -> dict[str, dict[str, str]]:
    shown = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    return {check["name"]: check for check in json.loads(shown.output)["checks"]}


def test_each_answer_is_told_for_what_it_is() -> None:
    found = checks("--services-from", name("portal", "referrals", "training", "partners", "registration"))

    assert (found["portal"]["level"], found["partners"]["level"]) == ("ok", "ok")
    assert (found["referrals"]["level"], found["referrals"]["text"]) == ("fail", "database: unreachable")
    assert found["training"]["text"] == "c'est referrals qui répond · another program answers"
    assert found["registration"]["text"] == elsewhere.NO_ANSWER
    assert (found["notifications"]["level"], found["notifications"]["remedy"]) == (
        "warn",
        "donnez MAILLAGE_NOTIFICATIONS_URL",
    )
    assert found["versions"]["level"] == "warn"
    assert "partners 0.0.1" in found["versions"]["text"]
    assert (found["databases"]["level"], found["kafka"]["level"]) == ("warn", "warn")
    assert not {"python", "disk", "jars", "data"} & found.keys(), "this machine runs none of it"


def test_the_environment_names_them_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_PORTAL_URL", "https://user:canary@portal.test/")

    shown = CliRunner().invoke(app, ["status", "--json"])

    document = StatusDocument.model_validate_json(shown.output)
    assert (shown.exit_code, document.looked_at, document.running, document.ready) == (0, "elsewhere", True, True)
    assert [part.url for part in document.parts] == ["https://portal.test"]
    assert "canary" not in shown.output


def test_an_address_that_is_none_is_told_as_one_that_does_not_answer() -> None:
    assert checks("--services-from", "portal=http://[")["portal"]["text"] == elsewhere.NO_ANSWER


def test_status_says_in_its_exit_code_and_words_that_nobody_answers() -> None:
    told = CliRunner().invoke(app, ["status", "--services-from", "portal=http://gone.test"])

    assert told.exit_code == NOT_RUNNING
    assert "Aucun service ne répond" in told.output
    assert elsewhere.NO_ANSWER in told.output


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("portail=https://portal.test", "portail"),
        ("portal=https://portal.test,referrals=ftp://x", "referrals"),
        ("/no/such/file", "FileNotFoundError"),
    ],
)
def test_what_names_no_service_is_refused(where: str, told: str) -> None:
    with pytest.raises(Refusal, match=told):
        settings_from(where)


def test_a_file_is_read_as_compose_reads_it_and_a_misspelt_line_refused(tmp_path: Path) -> None:
    file = tmp_path / "site.env"
    file.write_text("# who\nexport MAILLAGE_PORTAL_URL='https://portal.test'\nMAILLAGE_KAFKA_BOOTSTRAP=\nSHELL=zsh\n")
    settings = settings_from(str(file))
    file.write_text("MAILLAGE_PORTAL_URL=https://portal.test\nMAILLAGE_KAFKA_BOOTSTRP=canary\n")

    assert (settings.portal_url, settings.elsewhere, settings.kafka_bootstrap) == (
        "https://portal.test",
        ("portal",),
        "",
    )
    with pytest.raises(Refusal, match=r"MAILLAGE_KAFKA_BOOTSTRP is no setting .*MAILLAGE_KAFKA_BOOTSTRAP\?") as refused:
        settings_from(str(file))
    assert "canary" not in str(refused.value)


def test_a_file_that_names_nobody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "site.env"
    file.write_text("MAILLAGE_KAFKA_BOOTSTRAP=broker:9092\n")
    monkeypatch.setattr(sys, "argv", ["maillage", "doctor", "--services-from", str(file)])

    with pytest.raises(SystemExit) as exit_:
        main()

    assert exit_.value.code == 1


def test_databases_elsewhere_are_those_named_and_read_as_whom_was_named() -> None:
    settings = LocalSettings(
        portal_url="https://portal.test",
        postgres_dsn=SecretStr("postgresql://admin:secret@db/postgres"),
        portal_database_dsn=SecretStr("postgresql://own@db2/portal"),
    )
    nothing = LocalSettings(portal_url="https://portal.test")

    assert dsn_to_examine(settings, "portal") == "postgresql://own@db2/portal"
    assert dsn_to_examine(settings, "referrals") == "postgresql://admin:secret@db/maillage_referrals"
    assert dsn_to_examine(nothing, "referrals") is None


def test_a_log_elsewhere_is_said_to_be_there_and_a_trace_asks_for_the_database_that_is_not_named() -> None:
    settings = LocalSettings(referrals_url="https://referrals.test")

    with pytest.raises(Refusal) as of_log:
        log_file(settings, "referrals")
    with pytest.raises(Refusal) as of_trace:
        of_referral(settings, "01890a5d-ac96-774b-bcce-b302099a8057")

    assert "docker compose logs referrals" in str(of_log.value.remedy)
    assert "MAILLAGE_REFERRALS_DATABASE_DSN" in str(of_trace.value.remedy)
    assert not settings.secrets_dir.exists(), "looking elsewhere makes no secret here"


@pytest.mark.parametrize(
    ("facts", "name", "level"),
    [
        ({"readable": False}, "database x", "fail"),
        ({}, "database x", "fail"),
        ({"migrations_applied": 3, "migrations_missing": ["x/0004_more.sql"]}, "database x", "fail"),
        ({"migrations_applied": 3, "migrations_unknown": ["x/0005_later.sql"]}, "database x", "warn"),
        ({"migrations_applied": 3}, "database x", "ok"),
        ({"migrations_applied": 3, "outbox_waiting": 1, "outbox_oldest_seconds": 31.0}, "outbox x", "fail"),
        ({"migrations_applied": 3, "outbox_waiting": 1, "outbox_oldest_seconds": 1.0}, "outbox x", "ok"),
        ({"migrations_applied": 3, "outbox_waiting": 0, "outbox_parked": 2}, "outbox x", "fail"),
        ({"migrations_applied": 3, "dead_letters": 2}, "dead letters x", "warn"),
        ({"migrations_applied": 3, "clock_seconds": -6.0}, "clock", "fail"),
    ],
)
def test_a_database_is_judged_by_its_facts(facts: dict[str, Any], name: str, level: str) -> None:
    found = {
        check.name: check for check in database_checks([DatabaseFacts(service="x", **{"readable": True, **facts})])
    }

    assert found[name].level == level
    assert found[name].level == "ok" or found[name].remedy
