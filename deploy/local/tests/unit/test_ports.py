"""A port that cannot be used is named with the setting that changes it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from maillage.errors import Refusal
from maillage.ports import PortNeed, free_port, needed, refuse_busy
from maillage.settings import LocalSettings


def test_setting_is_named_when_port_is_busy() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        with pytest.raises(Refusal) as refusal:
            refuse_busy([PortNeed(port, "le service portal", "MAILLAGE_PORTAL_PORT")])

    assert str(port) in refusal.value.sentence
    assert "MAILLAGE_PORTAL_PORT=" in refusal.value.remedy


def test_nothing_is_refused_when_ports_are_free() -> None:
    refuse_busy([PortNeed(free_port(), "Kafka", "MAILLAGE_KAFKA_PORT")])


def test_both_settings_are_named_when_one_port_serves_twice() -> None:
    port = free_port()

    with pytest.raises(Refusal) as refusal:
        refuse_busy([PortNeed(port, "a", "MAILLAGE_A_PORT"), PortNeed(port, "b", "MAILLAGE_B_PORT")])

    assert "MAILLAGE_A_PORT" in refusal.value.remedy
    assert "MAILLAGE_B_PORT" in refusal.value.remedy


def test_the_desk_s_ports_are_needed_where_there_is_one_and_mails_are_caught(tmp_path: Path) -> None:
    def wanted(**changes: str) -> set[str]:
        needs = needed(LocalSettings.model_validate({"data_dir": tmp_path, **changes}), ())
        return {need.setting for need in needs} & {"MAILLAGE_DESK_PORT", "MAILLAGE_SMTP_PORT", "MAILLAGE_ZIPKIN_PORT"}

    assert wanted() == {"MAILLAGE_DESK_PORT", "MAILLAGE_SMTP_PORT"}
    assert wanted(smtp_host="mail.example") == {"MAILLAGE_DESK_PORT"}
    assert wanted(stack="site") == set()


def test_servers_need_no_port_when_they_are_external(tmp_path: Path) -> None:
    settings = LocalSettings(
        data_dir=tmp_path, stack="site", kafka_bootstrap="kafka:9092", postgres_dsn=SecretStr("postgresql://db/x")
    )

    assert [need.setting for need in needed(settings, ("portal",))] == ["MAILLAGE_PORTAL_PORT"]
