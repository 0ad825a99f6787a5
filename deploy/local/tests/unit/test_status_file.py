"""The status file: whole or absent, and every process in it recognisable."""

from __future__ import annotations

import os
from pathlib import Path
from signal import SIGINT

from maillage.processes import Identity, identify
from maillage.status_file import PartStatus, StatusFile


def test_status_is_the_same_when_read_back(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "status.json")
    part = PartStatus("kafka", "server", "ready", "kafka://x", "/x.log", 7, 9, True, "4.3.1", 2, int(SIGINT))

    file.write(Identity(5, 6, "boot"), [part], ready=True)

    found = file.read()
    assert found is not None
    assert found.parts == (part,)
    assert found.supervisor == Identity(5, 6, "boot")
    assert found.processes() == {Identity(7, 9, "boot"): SIGINT}
    assert not list(tmp_path.glob("*.new"))


def test_nothing_is_read_when_file_is_absent_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    assert StatusFile(path).read() is None
    for damaged in ("", "[]", '{"parts": 3}', '{"parts": [{}]}', '{"parts": [], "other": 1}'):
        path.write_text(damaged)
        assert StatusFile(path).read() is None


def test_process_is_not_recognised_when_its_start_differs() -> None:
    mine = identify(os.getpid())
    assert mine is not None
    assert mine.alive()

    assert not Identity(mine.pid, mine.started + 1, mine.boot).alive()
    assert not Identity(mine.pid, mine.started, "another boot").alive()
