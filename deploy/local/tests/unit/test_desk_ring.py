"""What the desk keeps over a restart: the last of each kind, never more than a bound, never a half-written line."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from maillage.desk.ring import SEGMENTS, Box, RingFile


def lines(folder: Path, keep: int = 50) -> list[str]:
    return list(RingFile(folder, "x", keep).load())


def test_everything_is_kept_in_order_over_many_restarts_below_the_bound(tmp_path: Path) -> None:
    for start in range(0, 40, 2):
        ring = RingFile(tmp_path, "x", 50)
        list(ring.load())
        ring.append([str(start), str(start + 1)])

    assert lines(tmp_path) == [str(number) for number in range(40)]


def test_only_the_last_are_kept_above_the_bound(tmp_path: Path) -> None:
    ring = RingFile(tmp_path, "x", 50)
    for number in range(1000):
        ring.append([str(number)])

    kept = lines(tmp_path)
    assert kept == [str(number) for number in range(1000 - len(kept), 1000)]
    assert 50 <= len(kept) <= 50 + 50 // SEGMENTS
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_one_append_larger_than_a_segment_is_spread(tmp_path: Path) -> None:
    RingFile(tmp_path, "x", 50).append([str(number) for number in range(35)])

    assert lines(tmp_path) == [str(number) for number in range(35)]
    assert len(list(tmp_path.iterdir())) == 4


def test_half_a_line_is_dropped_and_nothing_is_glued_to_it(tmp_path: Path) -> None:
    RingFile(tmp_path, "x", 50).append(["one", "two"])
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + "thré".encode()[:-1])

    ring = RingFile(tmp_path, "x", 50)
    assert list(ring.load()) == ["one", "two"]
    ring.append(["four"])

    assert lines(tmp_path) == ["one", "two", "four"]


def test_messages_go_on_in_memory_when_the_folder_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    box = Box(RingFile(tmp_path / "file" / "desk", "x", 5), 5, dict)

    box.put("a", {"n": 1}, {"n": 1})
    box.put("b", {"n": 2}, {"n": 2})

    assert [found["n"] for found in box] == [1, 2]
    assert len(caplog.records) == 1


def test_a_document_written_again_replaces_itself_where_it_stands(tmp_path: Path) -> None:
    def box() -> Box[dict[str, Any]]:
        return Box(RingFile(tmp_path, "x", 20), 3, dict)

    first = box()
    for key in "abcd":
        first.put(key, {"key": key}, {"key": key})
    first.put("c", {"key": "C"}, {"key": "C"})

    for found in (first, box()):
        assert [one["key"] for one in found] == ["b", "C", "d"]
        assert found.get("a") is None


def test_what_is_no_document_is_passed_over(tmp_path: Path) -> None:
    RingFile(tmp_path, "x", 20).append(["nonsense", "[1]", '["a", {"n": 1}]', '["b", 7]'])

    assert len(Box(RingFile(tmp_path, "x", 20), 3, dict)) == 1
