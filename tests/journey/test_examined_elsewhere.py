"""`maillage doctor` and `status` on services that this folder's supervisor did not start, and the document's schema."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chassis.version import version
from maillage.secrets import SERVICE_NAMES
from maillage.testing.running import MAILLAGE, RunningStack
from maillage_contracts import TOPICS

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "status.schema.json").read_text("utf-8"))


def elsewhere(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as on another machine: with none of the stack's settings and no data folder of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    return subprocess.run(
        [str(MAILLAGE), *arguments],
        env={**environment, "MAILLAGE_DATA_DIR": str(folder / "nothing")}, cwd=folder,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def named(stack: RunningStack, tmp_path: Path) -> Path:
    """A file that names the stack's services, database server and broker."""
    lines = [f"MAILLAGE_{name.upper()}_URL={stack.url(name)}" for name in SERVICE_NAMES]
    lines += [f'export MAILLAGE_POSTGRES_DSN="{stack.admin_dsn("portal")}"', "# the broker of the services"]
    lines += [f"MAILLAGE_KAFKA_BOOTSTRAP=127.0.0.1:{stack.ports['KAFKA']}", "MAILLAGE_HTTP_PORT=8000", "OTHER=1"]
    file = tmp_path / "site.env"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def document_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    return document


def test_the_same_facts_are_told_here_and_from_elsewhere(stack: RunningStack, named: Path, tmp_path: Path) -> None:
    here = document_of(stack.run("status", "--json"))
    there = document_of(elsewhere(tmp_path, "status", "--json", "--services-from", str(named)))
    told = elsewhere(tmp_path, "doctor", "--json", "--services-from", str(named))

    assert (here["looked_at"], there["looked_at"]) == ("here", "elsewhere")
    assert (here["running"], there["running"]) == (True, True)
    assert [part["name"] for part in there["parts"]] == list(SERVICE_NAMES)
    assert {part["version"] for part in there["parts"]} == {here["version"]} == {version()}
    for document in (here, there):
        assert [one["service"] for one in document["databases"]] == list(SERVICE_NAMES)
        assert all(one["readable"] and not one["migrations_missing"] for one in document["databases"])
        assert all(one["migrations_applied"] >= 1 for one in document["databases"])
        assert document["bus"]["topics"] >= len(TOPICS)
        assert document["bus"]["topics_missing"] == document["bus"]["topics_changed"] == []
        assert document["bus"]["partitions_without_leader"] == document["bus"]["partitions_under_replicated"] == 0
        assert "referrals-registration" in str(document["bus"]["groups"])
    assert "demonstration" in here
    assert "demonstration" not in there
    names = {check["name"]: check["level"] for check in json.loads(told.stdout)["checks"]}
    assert names.keys() >= {*SERVICE_NAMES, "versions", "clock", "topics", "lag", "database referrals"}
    assert (names["versions"], names["clock"], names["topics"], names["database referrals"]) == ("ok",) * 4
    assert not (tmp_path / "nothing").exists(), "looking makes nothing"
