"""docs/settings.md and the names that the chassis carries are what the code says, and say it of every setting."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chassis.errors import SettingsRefused
from chassis.known_settings import TESTS_PREFIX, known_names
from chassis.settings import load
from maillage.secrets import SERVICE_NAMES
from maillage.servers import KafkaServer
from maillage.settings import LocalSettings

ROOT = Path(__file__).resolve().parents[4]
MENTION = re.compile(r"MAILLAGE_[A-Z][A-Z_]*[A-Z]\b(?!_)")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The generator, which is not in a package."""
    path = ROOT / "deploy" / "local" / "tools" / "settings_page.py"
    spec = importlib.util.spec_from_file_location("maillage_tools_settings_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_and_the_carried_names_are_what_the_code_says(tool: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--check"]) == 0, capsys.readouterr().out


def test_a_page_that_the_code_left_behind_is_refused(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "settings.md"
    stale.write_text(tool.page().replace("`45`", "`30`"), encoding="utf-8")
    monkeypatch.setattr(tool, "PAGE", stale)
    monkeypatch.setattr(tool, "ROOT", tmp_path)

    assert tool.main(["--check"]) == 1
    assert capsys.readouterr().out == "settings.md is not what the code says: make settings\n"


def test_every_setting_is_explained_and_every_number_has_bounds_and_a_unit(tool: Any) -> None:
    for part, name, field in tool.declared():
        assert len(field.description or "") > 10, f"{part}: {name}"
        if field.annotation in (int, float):
            assert re.match(r"[\d.]+–[\d.]+ \S", tool.told(name, field).unit), f"{part}: {name}"


def test_every_file_of_a_secret_is_marked(tool: Any) -> None:
    words = ("password", "secret", "token", "key")
    for part, name, field in tool.declared():
        if name.endswith("_file"):
            assert (tool.told(name, field).secret == "file") == any(word in name for word in words), f"{part}: {name}"
        if name.endswith("_dsn"):
            assert tool.told(name, field).secret == "value", f"{part}: {name}"


COMMANDS = ROOT / "services" / "portal" / "src" / "portal" / "adapters" / "http" / "commands.py"
"""What the portal shows a partner to copy."""


def test_the_table_has_what_the_samples_for_partners_read(tool: Any) -> None:
    read = {
        name
        for path in [*tool.SAMPLES.iterdir(), COMMANDS]
        if path.is_file()
        for name in MENTION.findall(path.read_text("utf-8"))
    }
    assert read == {f"MAILLAGE_{name}" for name in tool.OF_SAMPLES}


def test_every_name_that_code_or_documentation_mentions_exists(tool: Any) -> None:
    known = known_names()
    texts = [*ROOT.glob("*.md"), *ROOT.glob("*.yml"), *(ROOT / "docs").rglob("*.md")]
    for top in ("contracts", "services", "deploy"):
        texts += [
            path
            for pattern in ("*.md", "*.yml", "*.yaml", "src/**/*.py", "*/src/**/*.py")
            for path in (ROOT / top).rglob(pattern)
        ]
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in texts
        for name in MENTION.findall(path.read_text("utf-8"))
        if name not in known and not name.startswith(TESTS_PREFIX) and name != TESTS_PREFIX.rstrip("_")
    }
    assert not wrong


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_every_service_refuses_what_no_part_knows(tool: Any, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_PORTAL_ULR", "x")

    with pytest.raises(SettingsRefused, match=r"^MAILLAGE_PORTAL_ULR is no setting .*MAILLAGE_PORTAL_URL\?"):
        load(tool.settings_of(service))


@pytest.mark.parametrize(
    "given",
    [
        {"kafka_username": "u"},
        {"kafka_security_protocol": "SASL_SSL"},
        {"kafka_bootstrap": "broker:9092", "kafka_username": "u"},
        {"kafka_bootstrap": "broker:9092", "kafka_security_protocol": "SASL_SSL"},
        {"kafka_partner_security_protocol": "SASL_SSL"},
        {"kafka_partner_ca_file": "ca.pem"},
        # A broker elsewhere makes a site, whose partners come over the internet.
        {"kafka_bootstrap": "broker:9092", "kafka_partner_bootstrap": "broker:9094"},
    ],
)
def test_the_command_refuses_what_contradicts_itself(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"MAILLAGE_KAFKA_(USERNAME|SECURITY_PROTOCOL|PARTNER_\w+) (is|must be)"):
        LocalSettings(**given)


@pytest.mark.parametrize(("stack", "told"), [("site", ""), ("embedded", "broker:9092")])
def test_a_site_tells_no_partner_its_own_way_to_the_broker(stack: str, told: str) -> None:
    settings = LocalSettings.model_validate({"stack": stack, "kafka_bootstrap": "broker:9092"})
    nobody: Any = None
    assert KafkaServer(settings, nobody, nobody).partner_bootstrap == told
