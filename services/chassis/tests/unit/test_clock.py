"""A clock that a test moves for every process at once, and that nothing but a test may use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.clock import ShiftedClock, SystemClock
from chassis.runtime import build_runtime
from chassis.settings import ServiceSettings

WHERE = {"database_dsn": "postgresql://nobody@127.0.0.1:1/none", "http_port": 1}
CLOSE = timedelta(seconds=5)
DAYS = timedelta(days=30)


def settings(**more: object) -> ServiceSettings:
    return ServiceSettings.model_validate({**WHERE, **more})


def test_shift_follows_the_file_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    clock = ShiftedClock(file)
    assert abs(clock.now() - datetime.now(UTC)) < CLOSE
    file.write_text("")
    assert abs(clock.now() - datetime.now(UTC)) < CLOSE
    for days in (1, 30):
        file.write_text(f"{timedelta(days=days).total_seconds()}\n")
        assert abs(clock.now() - datetime.now(UTC) - timedelta(days=days)) < CLOSE
    file.unlink()
    assert abs(clock.now() - datetime.now(UTC)) < CLOSE


def test_last_shift_stands_when_the_file_cannot_be_read_as_a_number(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    file.write_text(str(DAYS.total_seconds()))
    clock = ShiftedClock(file)
    assert clock.now() > datetime.now(UTC) + DAYS - CLOSE
    for text in ("half", "2592000x", "1e400", "nan"):
        file.write_text(text)
        assert clock.now() > datetime.now(UTC) + DAYS - CLOSE


def test_runtime_takes_the_file_s_clock_when_it_is_set(tmp_path: Path) -> None:
    assert isinstance(build_runtime("x", settings(stack="test")).clock, SystemClock)
    made = build_runtime("x", settings(stack="test", clock_file=tmp_path / "clock")).clock
    assert isinstance(made, ShiftedClock)


@pytest.mark.parametrize("stack", ["embedded", "site"])
def test_another_time_is_refused_outside_tests(tmp_path: Path, stack: str) -> None:
    with pytest.raises(ValueError, match="MAILLAGE_CLOCK_FILE is only accepted"):
        settings(stack=stack, clock_file=tmp_path / "clock")
