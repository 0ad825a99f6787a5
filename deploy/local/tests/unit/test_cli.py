"""The command line: every command explains itself, failures are sentences, data come as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from maillage import view
from maillage.cli import NOT_RUNNING, app, main
from maillage.errors import Refusal

COMMANDS: list[str] = sorted(getattr(typer.main.get_command(app), "commands", ()))
WITH_JSON = ("status", "doctor", "topics", "trace", "replay")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("MAILLAGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MAILLAGE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "data"


def test_every_command_of_the_issue_exists() -> None:
    assert set(COMMANDS) == {
        "up", "down", "status", "doctor", "topics", "logs", "reset", "story", "trace", "dead-letters", "replay",
        "territory", "join", "prepare", "contracts",
    }  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_when_asked(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])

    assert shown.exit_code == 0
    assert f"Exemple · example: maillage {command}" in shown.output


@pytest.mark.parametrize("command", WITH_JSON)
def test_data_commands_offer_json_when_asked(command: str) -> None:
    assert "--json" in CliRunner().invoke(app, [command, "--help"]).output


def test_status_is_json_with_its_own_exit_code_when_nothing_runs(own_folder: Path) -> None:
    shown = CliRunner().invoke(app, ["status", "--json"])

    document = json.loads(shown.output)
    assert shown.exit_code == NOT_RUNNING
    assert document["running"] is False
    assert document["parts"] == []
    assert document["data_dir"] == str(own_folder)
    assert document["demonstration"] == {"organisations": [], "story": None}


def test_status_tells_no_demonstration_when_on_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_STACK", "site")

    assert "demonstration" not in json.loads(CliRunner().invoke(app, ["status", "--json"]).output)


def test_doctor_is_json_with_levels_when_nothing_runs() -> None:
    checks = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).output)["checks"]

    by_name = {check["name"]: check for check in checks}
    assert (checks[0]["name"], checks[0]["level"], checks[0]["remedy"]) == ("maillage", "warn", "maillage up")
    assert "not running" in checks[0]["text"]
    assert {"python", "disk", "memory", "java", "jars", "data", "account"} <= by_name.keys()
    assert {check["level"] for check in checks} <= {"ok", "warn", "fail"}
    assert all(check["remedy"] for check in checks if check["level"] != "ok")


def test_refusal_is_a_sentence_and_a_remedy_when_setting_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAILLAGE_PORTAL_PORT", "not-a-port-s3cret")
    monkeypatch.setattr(sys, "argv", ["maillage", "status"])

    with pytest.raises(SystemExit) as exit_:
        main()

    shown = capsys.readouterr().err
    assert exit_.value.code == 1
    assert "MAILLAGE_PORTAL_PORT" in shown
    assert "→" in shown
    assert "s3cret" not in shown
    assert "Traceback" not in shown


def test_an_error_nobody_foresaw_is_a_sentence_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr(view, "document", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["maillage", "status"])

    with pytest.raises(SystemExit) as exit_:
        main()

    shown = capsys.readouterr().err
    (kept,) = tmp_path.glob("maillage-*.trace")
    assert exit_.value.code == 1
    assert "erreur imprévue (ZeroDivisionError)" in shown
    assert str(kept) in shown
    assert "Traceback" not in shown
    assert "deep inside" in kept.read_text()


def test_join_says_who_does_not_answer_when_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAILLAGE_PARTNERS_PORT", "1")
    monkeypatch.setattr(sys, "argv", ["maillage", "join"])

    with pytest.raises(SystemExit) as exit_:
        main()

    shown = capsys.readouterr().err
    assert exit_.value.code == 1
    assert "a service does not answer" in shown
    assert "127.0.0.1:1" in shown
    assert "→ maillage status · maillage doctor" in shown


def test_join_names_the_kinds_when_there_is_no_such_kind() -> None:
    refused = CliRunner().invoke(app, ["join", "--kind", "charity"])

    assert isinstance(refused.exception, Refusal)
    assert "charity" in refused.exception.sentence
    assert refused.exception.remedy == "association, council, employment_service, training_provider"


def test_logs_names_what_exists_when_part_is_unknown(own_folder: Path) -> None:
    (own_folder / "logs").mkdir(parents=True)
    (own_folder / "logs" / "kafka.log").write_text("one\ntwo\nthree\n")

    unknown = CliRunner().invoke(app, ["logs", "postgresql"])
    shown = CliRunner().invoke(app, ["logs", "kafka", "--lines", "2"])

    assert isinstance(unknown.exception, Refusal)
    assert "kafka" in unknown.exception.remedy
    assert shown.output == "two\nthree\n"


def test_reset_spares_a_folder_that_is_not_ours(own_folder: Path) -> None:
    own_folder.mkdir()
    (own_folder / "thesis.txt").write_text("years of work")

    refused = CliRunner().invoke(app, ["reset", "--yes"])

    assert isinstance(refused.exception, Refusal)
    assert (own_folder / "thesis.txt").exists()


def test_reset_erases_everything_when_it_is_ours(own_folder: Path) -> None:
    (own_folder / "run").mkdir(parents=True)
    (own_folder / "layout").write_text("1\n")

    assert CliRunner().invoke(app, ["reset", "--yes"]).exit_code == 0

    assert not own_folder.exists()


def test_help_answers_at_once_when_nothing_is_loaded() -> None:
    begin = time.monotonic()
    subprocess.run([sys.executable, "-m", "maillage.cli", "--help"], check=True, capture_output=True, timeout=30)
    loaded = subprocess.run(
        [sys.executable, "-c", "import maillage.cli, sys; print('pydantic' in sys.modules, 'httpx' in sys.modules)"],
        check=True, capture_output=True, text=True, timeout=30,
    )  # fmt: skip

    # What makes it slow is what it loads; the clock is only a net, wide because other work shares the machine.
    assert loaded.stdout.split() == ["False", "False"]
    assert time.monotonic() - begin < 10
