"""The data folder: made usable, or refused in one sentence; erased only when it is ours and nobody uses it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from maillage.data_folder import down, prepare_folder, reset
from maillage.errors import Refusal
from maillage.lock import exclusive
from maillage.settings import LocalSettings


def test_folder_is_the_same_when_prepared_again(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"

    prepare_folder(folder)
    prepare_folder(folder)

    assert (folder / "layout").read_text() == "1\n"
    assert (folder / "run").is_dir()
    assert (folder / "logs").is_dir()


def test_setting_is_named_when_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(Refusal) as refusal:
        prepare_folder(tmp_path / "data")

    assert "MAILLAGE_DATA_DIR" in refusal.value.remedy


def test_room_is_asked_for_when_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=7 * 2**20))

    with pytest.raises(Refusal, match="7 Mo"):
        prepare_folder(tmp_path)


def test_version_is_named_when_data_are_of_another(tmp_path: Path) -> None:
    (tmp_path / "layout").write_text("12\n")

    with pytest.raises(Refusal, match="format 12"):
        prepare_folder(tmp_path)


def test_damaged_layout_is_refused_when_read(tmp_path: Path) -> None:
    (tmp_path / "layout").write_bytes(b"\xff\xfe")

    with pytest.raises(Refusal, match="illisible"):
        prepare_folder(tmp_path)


def test_nothing_is_erased_when_somebody_uses_it(tmp_path: Path) -> None:
    prepare_folder(tmp_path)

    with exclusive(tmp_path / "run" / "lock"), pytest.raises(Refusal, match="already running"):
        reset(LocalSettings(data_dir=tmp_path))

    assert (tmp_path / "layout").exists()


def test_nothing_is_done_when_nothing_ran(tmp_path: Path) -> None:
    settings = LocalSettings(data_dir=tmp_path / "none")

    assert down(settings) is False
    assert reset(settings) is False
