"""What the README shows to partners runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maillage_contracts import MODELS
from maillage_contracts.topics import PARTNER_TOPIC


def test_python_in_the_readme_runs(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    snippets = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text("utf-8"), re.DOTALL)

    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), {})  # noqa: S102 - the text is ours, in this tree

    assert snippets
    assert capsys.readouterr().out == "93048 ('logement-hebergement--louer-un-logement',)\n"


def test_names_and_numbers_in_the_readme_are_true(root: Path) -> None:
    text = (root / "README.md").read_text("utf-8")

    assert PARTNER_TOPIC.name in text
    assert f"{PARTNER_TOPIC.retention_days} jours" in text
    assert f"{PARTNER_TOPIC.retention_days} days" in text
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (root / target).exists()


def test_families_in_the_readme_are_those_of_the_partner_topic(root: Path) -> None:
    text = (root / "README.md").read_text("utf-8")
    named = set(re.findall(r"`((?:referrals|registration|training)\.[a-z]+\.(?:\*|[a-z_]+))`", text))
    relayed = {name.removeprefix("fr.maillage.").removesuffix(".v1") for name in PARTNER_TOPIC.relayed_types}

    covered = {name for name in relayed if name in named or f"{name.rpartition('.')[0]}.*" in named}
    assert covered == relayed
    assert {name for name in named if not name.endswith("*")} <= relayed


def test_changelog_names_every_event(root: Path) -> None:
    text = (root / "CHANGELOG.md").read_text("utf-8")

    for ce_type in MODELS:
        assert f"`{ce_type.split('.')[-2]}`" in text
