"""The demonstration never runs on somebody's servers because somebody forgot to say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from maillage.settings import load


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MAILLAGE_STACK", "MAILLAGE_POSTGRES_DSN", "MAILLAGE_KAFKA_BOOTSTRAP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_DATA_DIR", str(tmp_path))


def test_embedded_servers_make_an_embedded_stack() -> None:
    assert load().stack == "embedded"


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAILLAGE_POSTGRES_DSN", "postgresql://admin@db/postgres"), ("MAILLAGE_KAFKA_BOOTSTRAP", "kafka:9092")],
)
def test_a_server_elsewhere_makes_a_site_unless_said_otherwise(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert load().stack == "site"
    monkeypatch.setenv("MAILLAGE_STACK", "embedded")
    assert load().stack == "embedded"
