"""Fault points: harmless unless armed, at their turn, once; and refused outside tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from chassis import faults
from chassis.errors import SettingsRefused
from chassis.settings import ServiceSettings, load


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    signals: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append(number))
    yield signals
    faults.arm("")


def test_a_point_that_is_not_armed_does_nothing(killed: list[int]) -> None:
    faults.arm("other.point")
    faults.fault_point("relay.sent")
    assert killed == []


def test_a_point_kills_at_its_turn_and_once(killed: list[int]) -> None:
    faults.arm("relay.sent:3, relay.deleted")
    for _ in range(5):
        faults.fault_point("relay.sent")
    assert killed == [signal.SIGKILL]


def test_a_point_may_stop_instead(killed: list[int]) -> None:
    faults.arm("relay.sent:1:stop")
    faults.fault_point("relay.sent")
    assert killed == [signal.SIGSTOP]


@pytest.mark.parametrize("stack", ["site", "embedded"])
def test_points_are_refused_outside_tests(monkeypatch: pytest.MonkeyPatch, stack: str) -> None:
    for name, value in {
        "STACK": stack,
        "HTTP_PORT": "1",
        "DATABASE_DSN": "postgresql://x",
        "FAULT_POINTS": "relay.sent",
    }.items():
        monkeypatch.setenv(f"MAILLAGE_{name}", value)
    with pytest.raises(SettingsRefused, match="FAULT_POINTS"):
        load(ServiceSettings)
