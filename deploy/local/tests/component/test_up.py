"""`maillage up` on the real embedded servers: one start, a second beside it, and every way of ending."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from maillage.processes import Identity
from maillage.status_file import StatusFile
from maillage.testing.servers import KafkaServer, PostgresServer, free_ports

READY = "Maillage is ready"
STAND_IN = Path(__file__).with_name("stand_in.py")
PORTS = ("POSTGRES", "KAFKA", "KAFKA_CONTROLLER", "KAFKA_PARTNER", "PORTAL", "REGISTRATION", "DESK", "SMTP")
START_SECONDS = 60.0
"""The jars may have to be fetched by the first test."""
STOP_SECONDS = 10.0
"""The promise to users."""


def until(condition: Callable[[], object], patience_seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


class Machine:
    """A data folder, ports of its own, and the command run on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self.output = folder / "output"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        ports = {f"MAILLAGE_{name}_PORT": str(port) for name, port in self.ports.items()}
        self.environment = {**kept, **ports, "MAILLAGE_DATA_DIR": str(self.folder), "MAILLAGE_ZIPKIN": "off"}

    def as_site(self, postgres_dsn: str, kafka_bootstrap: str) -> None:
        """Name servers elsewhere, which makes a site, and what a site must name besides."""
        self.environment |= {
            "MAILLAGE_POSTGRES_DSN": postgres_dsn,
            "MAILLAGE_KAFKA_BOOTSTRAP": kafka_bootstrap,
            "MAILLAGE_SMTP_HOST": "mail.example",
            "MAILLAGE_SMS_URL": "https://sms.example",
            "MAILLAGE_SMS_TOKEN_FILE": "/nowhere",
        }

    @contextmanager
    def up(self, failing: str = "none") -> Iterator[subprocess.Popen[bytes]]:
        """Start the command; whatever the test does, nothing of it survives."""
        with (
            self.output.open("wb") as out,
            subprocess.Popen(
                [sys.executable, str(STAND_IN), failing, "up", "--no-story"],
                env=self.environment,
                stdout=out,
                stderr=out,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def said(self) -> str:
        return self.output.read_text()

    def ready(self) -> bool:
        return READY in self.said()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "maillage.cli", *arguments],
            env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return document

    def children(self) -> list[Identity]:
        snapshot = StatusFile(self.folder / "run" / "status.json").read()
        return list(snapshot.processes()) if snapshot is not None else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_everything_runs_and_ends_when_started_and_stopped(machine: Machine) -> None:
    with machine.up() as process:
        until(machine.ready)
        document = machine.status()
        parts = {part["name"]: part for part in document["parts"]}
        second = machine.run("up")
        topics = json.loads(machine.run("topics", "--json").stdout)["topics"]
        children = machine.children()
        process.send_signal(signal.SIGINT)
        code = process.wait(30)

    assert machine.said().count(READY) == 1
    assert document["running"] is True
    assert document["ready"] is True
    assert parts.keys() == {"postgres", "kafka", "desk", "registration", "portal"}
    assert all(part["ready"] and part["pid"] and part["version"] for part in parts.values())
    assert all(Path(part["log_file"]).is_file() for part in parts.values())
    assert parts["portal"]["url"] == f"http://127.0.0.1:{machine.ports['PORTAL']}"
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert {topic["name"]: topic["owner"] for topic in topics}["referrals-referral-v1"] == "referrals"
    assert code == 0
    assert len(children) == 5
    assert not any(child.alive() for child in children)
    assert machine.children() == []


def test_nothing_is_left_and_next_start_works_when_supervisor_is_killed(machine: Machine) -> None:
    with machine.up() as process:
        until(machine.ready)
        children = machine.children()
        process.kill()
        process.wait()
        until(lambda: not any(child.alive() for child in children), STOP_SECONDS)
        killed = machine.status()

    with machine.up():
        until(machine.ready)

    assert len(children) == 5
    assert killed["running"] is False
    assert {part["state"] for part in killed["parts"]} == {"stopped"}


def test_nothing_is_left_when_a_service_fails_to_start(machine: Machine) -> None:
    with machine.up(failing="portal") as process:
        seen: set[Identity] = set()
        while process.poll() is None:
            seen.update(machine.children())
            time.sleep(0.05)

    assert process.returncode == 1
    assert READY not in machine.said()
    assert "maillage logs portal" in machine.said()
    assert "Traceback" not in machine.said()
    assert len(seen) >= 3
    assert not any(child.alive() for child in seen)


def test_nothing_starts_when_a_port_is_busy(machine: Machine) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", machine.ports["KAFKA_PARTNER"]))
        holder.listen()
        with machine.up() as process:
            assert process.wait(30) == 1

    assert "MAILLAGE_KAFKA_PARTNER_PORT=" in machine.said()
    assert machine.children() == []
    assert not (machine.folder / "postgres").exists()


def test_servers_elsewhere_replace_the_embedded_ones_when_set(
    machine: Machine, postgres_server: PostgresServer, kafka_server: KafkaServer
) -> None:
    machine.as_site(postgres_server.admin_dsn, kafka_server.bootstrap)
    with machine.up() as process:
        until(lambda: machine.ready() or process.poll() is not None)
        parts = {part["name"]: part for part in machine.status()["parts"]}
        topics = json.loads(machine.run("topics", "--json").stdout)

    assert machine.ready(), machine.said()
    assert {parts[name]["state"] for name in ("postgres", "kafka")} == {"external"}
    assert len(machine.children()) == 0
    assert topics["bootstrap"] == kafka_server.bootstrap
    assert {topic["bytes"] for topic in topics["topics"]} == {None}
    assert not (machine.folder / "kafka").exists()
    assert "desk" not in parts
    assert not (machine.folder / "postgres").exists()


def test_unreachable_broker_is_told_when_set(machine: Machine) -> None:
    # The stand-in has no databases: nobody connects to this one, and its password must not show all the same.
    machine.as_site("postgresql://admin:canary@127.0.0.1:1/postgres", "127.0.0.1:1")

    with machine.up() as process:
        code = process.wait(60)

    assert code == 1
    assert "MAILLAGE_KAFKA_BOOTSTRAP" in machine.said()
    assert "canary" not in machine.said()


def test_a_site_that_names_no_way_out_for_notices_is_refused_before_anything_starts(machine: Machine) -> None:
    machine.as_site("postgresql://admin:canary@127.0.0.1:1/postgres", "127.0.0.1:1")
    del machine.environment["MAILLAGE_SMS_URL"]

    refused = machine.run("up")

    assert refused.returncode == 1
    assert "donnez MAILLAGE_SMS_URL, ou" in refused.stderr
    assert machine.children() == []


def test_data_of_another_version_are_refused_when_found(machine: Machine) -> None:
    machine.folder.mkdir()
    (machine.folder / "layout").write_text("99\n")

    refused = machine.run("up")

    assert refused.returncode == 1
    assert "99" in refused.stderr
    assert "MAILLAGE_DATA_DIR" in refused.stderr
