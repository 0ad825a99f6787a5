"""What a person reads: progress lines that nothing can stop, and the end of a log."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from maillage.logs import follow, tail
from maillage.progress import Progress, seconds


def test_program_goes_on_when_the_reader_went_away() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = "from maillage.progress import Progress; p = Progress(); p.step('one'); p.step('two')"

    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, check=False, timeout=30)
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")


def test_each_step_is_one_line_with_its_time() -> None:
    out = io.StringIO()

    Progress(out).step("PostgreSQL prêt · ready")

    assert out.getvalue().strip() == "0,0 s  PostgreSQL prêt · ready"
    assert seconds(12.34) == "12,3 s"


@pytest.mark.parametrize("lines", [0, 1, 3, 5000])
def test_last_lines_are_returned_when_log_is_long(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "x.log"
    everything = [f"line {number} {'x' * 80}" for number in range(2000)]
    path.write_text("\n".join(everything) + "\n")

    assert tail(path, lines) == (everything[-lines:] if lines else [])


def test_new_lines_are_followed_when_log_is_emptied_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("old\n" * 10)
    lines = follow(path)

    def next_after_writing(text: str) -> str:
        found: list[str] = []
        waiting = threading.Thread(target=lambda: found.append(next(lines)))
        waiting.start()
        while waiting.is_alive():
            with path.open("a") as log:
                log.write(text)
            waiting.join(0.05)
        return found[0]

    assert "old" not in next_after_writing("new\n")
    path.write_text("")
    assert "again" in next_after_writing("again\n")
