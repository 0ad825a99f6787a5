"""A data folder has one supervisor at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maillage.errors import Refusal
from maillage.lock import exclusive


def test_holder_is_named_when_folder_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"

    with exclusive(path), pytest.raises(Refusal, match=str(os.getpid())), exclusive(path):
        pass


def test_folder_is_free_when_holder_left(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    with exclusive(path):
        pass

    with exclusive(path):
        assert path.read_text().strip() == str(os.getpid())
