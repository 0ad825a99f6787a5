"""What the test session says of its servers, and how it finds ports and folders."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from maillage.errors import Refusal
from maillage.testing import servers
from maillage.testing.choice import KAFKA, KAFKA_PARTNERS, POSTGRES, STACK, choose
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


@pytest.mark.parametrize(
    ("environment", "postgres", "kafka"),
    [
        ({}, "embedded", "embedded"),
        ({STACK: ""}, "embedded", "embedded"),
        ({STACK: "embedded"}, "embedded", "embedded"),
        ({STACK: "containers"}, "containers", "containers"),
        ({STACK: "external", POSTGRES: "postgresql://x/y", KAFKA: "x:1"}, "external", "external"),
        ({POSTGRES: "postgresql://x/y"}, "external", "embedded"),
        ({KAFKA: "x:1"}, "embedded", "external"),
    ],
)
def test_the_environment_chooses_where_each_server_comes_from(
    environment: dict[str, str], postgres: str, kafka: str
) -> None:
    choice = choose(environment)
    assert (choice.postgres, choice.kafka) == (postgres, kafka)
    assert (choice.postgres_dsn, choice.kafka_bootstrap) == (environment.get(POSTGRES, ""), environment.get(KAFKA, ""))
    assert {postgres, kafka} == set(re.findall("embedded|containers|external", str(choice)))


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({STACK: "docker"}, [STACK, "docker", "embedded, containers, external"]),
        ({STACK: "external"}, [POSTGRES, KAFKA]),
        ({STACK: "external", KAFKA: "x:1"}, [POSTGRES]),
        ({STACK: "external", POSTGRES: "postgresql://a:canary@x/y"}, [KAFKA]),
        ({STACK: "embedded", KAFKA: "x:1"}, ["embedded", KAFKA]),
        ({STACK: "containers", POSTGRES: "postgresql://a:canary@x/y"}, ["containers", POSTGRES]),
        ({KAFKA_PARTNERS: "x:2"}, [KAFKA_PARTNERS, KAFKA]),
        ({STACK: "containers", KAFKA_PARTNERS: "x:2"}, [KAFKA_PARTNERS, KAFKA]),
    ],
)
def test_an_unknown_incomplete_or_contradictory_choice_is_refused_by_name(
    environment: dict[str, str], named: list[str]
) -> None:
    with pytest.raises(Refusal) as refused:
        choose(environment)
    assert all(word in refused.value.sentence for word in named)
    assert "canary" not in refused.value.sentence
    assert "\n" not in refused.value.sentence


EMPTY_SESSION = """
import sys
import pytest
code = pytest.main(["-p", "maillage.testing.plugin", "-p", "no:cacheprovider", "-q", "-c", "/dev/null", sys.argv[1]])
print("imported:", {"testcontainers", "docker"} & sys.modules.keys())
sys.exit(code)
"""


def session(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_nothing.py").write_text("def test_nothing() -> None: ...")
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAILLAGE_TEST_", "PYTEST_"))
    }
    return subprocess.run(
        [sys.executable, "-c", EMPTY_SESSION, str(folder)],
        env=inherited | environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_session_says_its_choice_and_imports_nothing_of_containers(tmp_path: Path) -> None:
    done = session(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MAILLAGE_TEST_STACK: embedded" in done.stdout
    assert "imported: set()" in done.stdout


@pytest.mark.parametrize(("without", "code"), [("", 4), ("skip", 0)])
def test_no_engine_is_one_loud_line_and_a_failure_unless_said_otherwise(
    tmp_path: Path, without: str, code: int
) -> None:
    done = session(
        tmp_path, MAILLAGE_TEST_STACK="containers", MAILLAGE_TEST_WITHOUT_DOCKER=without,
        DOCKER_HOST=f"unix://{tmp_path}/nobody.sock",
    )  # fmt: skip
    said = [line for line in (done.stdout + done.stderr).splitlines() if "NO DOCKER ENGINE ANSWERS" in line]
    assert done.returncode == code, done.stdout + done.stderr
    assert len(said) == 1
    assert "Traceback" not in done.stderr
    assert "1 passed" not in done.stdout
