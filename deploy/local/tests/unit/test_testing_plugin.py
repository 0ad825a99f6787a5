"""What the test session says of its servers, and how it finds ports and folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maillage.testing import servers
from maillage.testing.plugin import describe, group_of, tier_of


@pytest.mark.parametrize(
    ("path", "tier"),
    [
        ("services/referrals/tests/unit/test_x.py", "unit"),
        ("services/referrals/tests/component/deep/test_x.py", "component"),
        ("tests/journey/test_x.py", "journey"),
        ("tests/test_x.py", "other"),
        ("somewhere/test_x.py", "other"),
    ],
)
def test_the_tier_is_the_folder_below_tests(path: str, tier: str) -> None:
    assert tier_of(Path("/home") / path) == tier


def test_what_shares_the_stack_is_one_group_and_the_rest_goes_by_file(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("def test_x(stack: RunningStack) -> None: ...")
    (tmp_path / "other.py").write_text("def test_x(kafka_server: KafkaServer) -> None: ...")
    assert group_of("one.py", tmp_path) == "stack"
    assert group_of("other.py", tmp_path) == "other.py"


def test_the_summary_names_the_servers_of_each_tier() -> None:
    lines = describe(
        {"unit": {"": 7}, "component": {"": 5, "postgres_server": 4, "kafka_server": 1}},
        {"postgres_server": "PostgreSQL 18.4 (embedded)", "kafka_server": "Kafka 4.3.1 (embedded)"},
    )
    assert len(lines) == 2
    assert "PostgreSQL 18.4 (embedded): 4 tests, Kafka 4.3.1 (embedded): 1 tests" in lines[0]
    assert lines[1].endswith("no server")


def test_ports_are_distinct_and_below_the_ephemeral_range() -> None:
    ports = servers.free_ports(20)
    assert len(set(ports)) == 20
    assert all(port in servers.PORTS for port in ports)


def test_folders_of_killed_sessions_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    nobody_has_this_pid = 2**22 + 1
    (tmp_path / f"maillage-test-{nobody_has_this_pid}-x" / "postgres").mkdir(parents=True)
    (tmp_path / f"maillage-test-{os.getpid()}-x").mkdir()

    folder = servers.new_folder()

    assert sorted(tmp_path.iterdir()) == sorted([folder, tmp_path / f"maillage-test-{os.getpid()}-x"])
    assert folder.stat().st_mode & 0o777 == 0o711
