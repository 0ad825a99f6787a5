"""The supervisor on real processes: restarts, order of stopping, and nothing left whatever happens."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from maillage.errors import Refusal
from maillage.processes import Identity, end_leftovers, identify
from maillage.progress import Progress
from maillage.stack.command import Command
from maillage.status_file import StatusFile
from maillage.supervisor import Part, Supervisor

STEADY = (
    "import signal,sys,time; signal.signal(15, lambda *_: sys.exit(0)); open(sys.argv[1],'w').close(); time.sleep(60)"
)
"""A child that says it is ready by making a file and leaves politely when asked."""
STUBBORN = "import signal,sys,time; signal.signal(15, 1); open(sys.argv[1],'w').close(); time.sleep(60)"
"""A child that ignores SIGTERM (1 is SIG_IGN)."""
HURRIED = "import sys; sys.exit(3)"


def part(
    folder: Path, name: str, code: str = STEADY, kind: Literal["server", "service"] = "service", grace: float = 4.0
) -> Part:
    flag = folder / f"{name}.ready"

    async def wait_ready(patience_seconds: float) -> str:
        await until(flag.exists, patience_seconds)
        return "1.0"

    argv = (sys.executable, "-c", code, str(flag))
    command = Command(name, argv, dict(os.environ), folder, folder / f"{name}.log")
    return Part(command, kind, name, "", wait_ready, ready_seconds=20, grace_seconds=grace)


async def until(condition: Callable[[], object], patience_seconds: float = 20.0) -> None:
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


class Stage:
    """A supervisor with what it said and what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.said = io.StringIO()
        self.file = StatusFile(folder / "status.json")
        self.supervisor = Supervisor(self.file, Progress(self.said))

    def pid(self, name: str) -> int | None:
        snapshot = self.file.read()
        assert snapshot is not None
        return next(p.pid for p in snapshot.parts if p.name == name)

    def state(self, name: str) -> tuple[str, int]:
        snapshot = self.file.read()
        assert snapshot is not None
        return next((p.state, p.restarts) for p in snapshot.parts if p.name == name)


async def test_part_is_restarted_and_reported_when_it_dies(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    try:
        await stage.supervisor.start(part(tmp_path, "one"))
        first = stage.pid("one")
        assert first is not None
        os.kill(first, signal.SIGKILL)

        await until(lambda: stage.state("one") == ("ready", 1))

        assert stage.pid("one") not in {None, first}
        assert "one s'est arrêté (signal SIGKILL)" in stage.said.getvalue()
        assert "one is ready again" in stage.said.getvalue()
    finally:
        await stage.supervisor.stop()


async def test_optional_part_is_ended_and_forgotten_when_it_does_not_start(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    try:
        await stage.supervisor.start(part(tmp_path, "one"))
        late = replace(part(tmp_path, "late", "import time; time.sleep(60)"), optional=True, ready_seconds=0.5)
        hurried = replace(part(tmp_path, "hurried", HURRIED), optional=True)

        async def refuse(_: float) -> str:
            pid = stage.pid("late")
            assert pid is not None
            seen.append(pid)
            raise Refusal("too late")

        seen: list[int] = []
        for failing in (replace(late, wait_ready=refuse), hurried):
            with pytest.raises(Refusal):
                await stage.supervisor.start(failing)

        snapshot = stage.file.read()
        assert snapshot is not None
        assert [p.name for p in snapshot.parts] == ["one"]
        assert identify(seen[0]) is None
    finally:
        await stage.supervisor.stop()


async def test_pauses_grow_when_part_keeps_dying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.supervisor.BACKOFF_SECONDS", (0.01, 0.02, 0.4))
    stage = Stage(tmp_path)
    flag = tmp_path / "one.started-once"
    code = (
        f"import os,sys,time; first = not os.path.exists({str(flag)!r}); open({str(flag)!r},'w').close();"
        f"open(sys.argv[1],'w').close(); time.sleep(0.4 if first else 0); sys.exit(7)"
    )
    try:
        await stage.supervisor.start(part(tmp_path, "one", code))
        await until(lambda: stage.state("one")[1] >= 3)
        said = stage.said.getvalue()
        assert said.index("relance dans 0,0 s") < said.index("relance dans 0,4 s")
        assert "(code 7)" in said
    finally:
        await stage.supervisor.stop()


async def test_late_part_is_reported_once_and_awaited_when_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maillage.supervisor.RESTART_LOOK_SECONDS", 0.01)
    stage = Stage(tmp_path)
    outcomes: Iterator[str | Refusal] = iter(["1.0", *[Refusal("one n'est pas prêt · not ready")] * 3, "1.1"])

    async def wait_ready(_: float) -> str:
        outcome = next(outcomes)
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    try:
        await stage.supervisor.start(replace(part(tmp_path, "one"), wait_ready=wait_ready))
        pid = stage.pid("one")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        await until(lambda: stage.state("one") == ("ready", 1))

        assert stage.said.getvalue().count("not ready") == 1
        assert next(outcomes, None) is None
    finally:
        await stage.supervisor.stop()


async def test_cause_is_told_when_the_log_of_a_dead_part_explains_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    explained = replace(part(tmp_path, "one"), diagnose=lambda: Refusal("Le disque est plein", "libérez de la place"))
    try:
        await stage.supervisor.start(explained)
        pid = stage.pid("one")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        await until(lambda: "→ libérez de la place" in stage.said.getvalue())
        assert "Le disque est plein" in stage.said.getvalue()
    finally:
        await stage.supervisor.stop()


async def test_start_is_refused_with_its_log_when_part_ends_before_ready(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    try:
        with pytest.raises(Refusal) as refusal:
            await stage.supervisor.start(part(tmp_path, "one", HURRIED))
    finally:
        await stage.supervisor.stop()

    assert "code 3" in refusal.value.sentence
    assert refusal.value.remedy == "lisez son journal : maillage logs one"


async def test_services_end_before_servers_when_stopped(tmp_path: Path) -> None:
    order = tmp_path / "order"

    def code(name: str) -> str:
        note = f"open({str(order)!r},'a').write('{name} ')"
        return (
            f"import signal,sys,time\ndef bye(*_):\n time.sleep(0.3)\n {note}\n sys.exit(0)\n"
            "signal.signal(15, bye); open(sys.argv[1],'w').close(); time.sleep(60)"
        )

    stage = Stage(tmp_path)
    await stage.supervisor.start(part(tmp_path, "server", code("server"), "server"))
    await stage.supervisor.start(part(tmp_path, "service", code("service")))

    await stage.supervisor.stop()

    assert order.read_text().split() == ["service", "server"]
    assert stage.state("service") == ("stopped", 0)


async def test_stubborn_part_is_killed_when_its_grace_ends(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.supervisor.start(part(tmp_path, "one", STUBBORN, grace=0.3))
    pid = stage.pid("one")
    assert pid is not None

    await stage.supervisor.stop()

    assert identify(pid) is None


async def test_nothing_is_left_when_start_is_cancelled_half_way(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    slow = part(tmp_path, "one", "import time; time.sleep(60)")
    starting = asyncio.create_task(stage.supervisor.start(slow))
    await until(lambda: stage.pid("one") if stage.file.read() and stage.file.read().parts else None)  # type: ignore[union-attr]  # read twice, checked once
    pid = stage.pid("one")
    assert pid is not None

    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await stage.supervisor.stop()

    assert identify(pid) is None


RUN_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_supervisor import STUBBORN, Stage, part
async def main() -> None:
    stage = Stage(Path({folder!r}))
    await asyncio.gather(*(stage.supervisor.start(part(Path({folder!r}), n, STUBBORN)) for n in ("one", "two")))
    stage.supervisor.everything_ready()
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_children_die_when_supervisor_is_killed(tmp_path: Path) -> None:
    script = RUN_UNTIL_KILLED.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    file = StatusFile(tmp_path / "status.json")
    with subprocess.Popen([sys.executable, "-c", script]) as supervisor:
        try:
            await until(lambda: (snapshot := file.read()) and snapshot.ready)
        finally:
            supervisor.kill()
    snapshot = file.read()
    assert snapshot is not None
    children = list(snapshot.processes())
    assert len(children) == 2

    await until(lambda: not any(child.alive() for child in children), 5)


async def test_leftover_is_ended_and_stranger_spared_when_cleaning(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as ours:
        mine = identify(ours.pid)
        assert mine is not None
        stranger = Identity(mine.pid, mine.started - 1, mine.boot)

        assert end_leftovers({stranger: signal.SIGTERM}) == 0
        assert ours.poll() is None
        assert end_leftovers({mine: signal.SIGTERM}) == 1
        assert ours.wait(5) == -signal.SIGTERM
