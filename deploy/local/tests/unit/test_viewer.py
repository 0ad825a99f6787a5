"""The trace viewer is missed by nobody: whatever goes wrong with it is one line, and nothing waits for it."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage import viewer
from maillage.errors import Refusal
from maillage.progress import Progress
from maillage.settings import LocalSettings
from maillage.stack.command import Command
from maillage.stack.errors import StackError
from maillage.supervisor import Part
from maillage.testing.servers import free_ports


class FakeSupervisor:
    def __init__(self, failure: Refusal | None = None) -> None:
        self.failure = failure
        self.started: list[Part] = []

    async def start(self, part: Part) -> str:
        self.started.append(part)
        if self.failure:
            raise self.failure
        return "3.6.1"


class FakeZipkin:
    url = "http://127.0.0.1:9411"
    wait_ready = diagnose = None

    def __init__(self, outcome: Exception | None = None, gate: threading.Event | None = None) -> None:
        self._outcome, self._gate = outcome, gate

    def prepare(self, report: Any) -> None:
        if self._gate is not None:
            self._gate.wait(10)
        if self._outcome is not None:
            raise self._outcome

    def command(self) -> Command:
        return Command("zipkin", (), {}, Path("/"), Path("/dev/null"))


class Stage:
    def __init__(self, folder: Path, supervisor: FakeSupervisor) -> None:
        self.said = io.StringIO()
        self.supervisor = supervisor
        self.settings = LocalSettings(data_dir=folder, zipkin_port=free_ports(1)[0])

    def viewer(self, zipkin: FakeZipkin, monkeypatch: pytest.MonkeyPatch) -> viewer.Viewer:
        monkeypatch.setattr(viewer, "Zipkin", lambda _: zipkin)
        return viewer.Viewer(self.settings, self.supervisor, Progress(self.said))  # type: ignore[arg-type]  # a fake

    async def lines(self) -> list[str]:
        async with asyncio.timeout(10):
            while not self.said.getvalue():
                await asyncio.sleep(0.01)
        return self.said.getvalue().splitlines()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


async def test_it_starts_when_told_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, FakeSupervisor())
    made = stage.viewer(FakeZipkin(), monkeypatch)
    await asyncio.sleep(0.05)
    assert stage.supervisor.started == [], "prepared, not started: the story comes first"

    made.start()
    (line,) = await stage.lines()
    assert "Zipkin 3.6.1 montre les traces : http://127.0.0.1:9411/zipkin/" in line
    assert stage.supervisor.started[0].optional
    await made.close()


@pytest.mark.parametrize(
    "outcome",
    [StackError("Les archives ne viennent pas", "un miroir"), OSError(28, "No space left on device")],
    ids=["network", "disk"],
)
async def test_its_absence_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Exception) -> None:
    stage = Stage(tmp_path, FakeSupervisor())
    made = stage.viewer(FakeZipkin(outcome), monkeypatch)
    made.start()

    (line,) = await stage.lines()
    assert "Sans Zipkin, et tout le reste marche" in line
    assert stage.supervisor.started == []
    await made.close()


async def test_a_start_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, FakeSupervisor(Refusal("Zipkin ne répond pas")))
    made = stage.viewer(FakeZipkin(), monkeypatch)
    made.start()

    (line,) = await stage.lines()
    assert "Zipkin ne répond pas" in line
    await made.close()


async def test_a_taken_port_is_one_line_with_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        stage = Stage(tmp_path, FakeSupervisor())
        stage.settings = stage.settings.model_copy(update={"zipkin_port": holder.getsockname()[1]})
        made = stage.viewer(FakeZipkin(), monkeypatch)
        made.start()

        (line,) = await stage.lines()
    assert "MAILLAGE_ZIPKIN_PORT" in line
    assert stage.supervisor.started == []
    await made.close()


async def test_stopping_waits_for_no_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    stage = Stage(tmp_path, FakeSupervisor())
    made = stage.viewer(FakeZipkin(gate=gate), monkeypatch)
    made.start()
    await asyncio.sleep(0.02)

    async with asyncio.timeout(2):
        await made.close()
    assert stage.said.getvalue() == ""


def test_it_is_not_wanted_on_a_site_nor_when_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    settings = LocalSettings(data_dir=tmp_path, zipkin="on")

    assert viewer.wanted(settings)
    assert not viewer.wanted(settings.model_copy(update={"zipkin": "off"}))
    assert not viewer.wanted(settings.model_copy(update={"stack": "site"}))
