"""A remedy names the commands of where Maillage runs."""

from __future__ import annotations

import os

import pytest

from maillage.settings import LocalSettings
from maillage.spoken import KAFKA_SILENT, MAKE_TOPICS, MIGRATE, POSTGRES_SILENT, RESTART_BROKER, said

SENTENCES = (MIGRATE, MAKE_TOPICS, RESTART_BROKER, KAFKA_SILENT, POSTGRES_SILENT)
WRITTEN = {
    "maillage logs referrals ; maillage logs kafka": "docker compose logs referrals ; docker compose logs kafka",
    "maillage dead-letters causes --service referrals": (
        "docker compose run --rm operator dead-letters causes --service referrals"
    ),
    "maillage replay referrals": "docker compose run --rm replay referrals",
    "maillage status · maillage doctor": (
        "docker compose run --rm operator status · docker compose run --rm operator doctor"
    ),
    "donnez MAILLAGE_PORTAL_URL": "donnez MAILLAGE_PORTAL_URL",
}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MAILLAGE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("remedy", [*WRITTEN, *SENTENCES])
def test_on_this_machine_it_is_as_written(remedy: str) -> None:
    assert said(LocalSettings(), remedy) == remedy


@pytest.mark.parametrize("remedy", [*WRITTEN, *SENTENCES])
def test_in_compose_no_command_of_this_machine_is_left(remedy: str) -> None:
    told = said(LocalSettings(run_by="compose"), remedy)

    assert "maillage " not in told
    assert told == WRITTEN.get(remedy, told)
    if remedy in SENTENCES:
        assert "docker compose restart" in told


def test_on_a_site_no_log_is_promised_that_the_command_does_not_have() -> None:
    site = LocalSettings(portal_url="https://portal.test")

    assert said(site, "maillage logs referrals") == "le journal de referrals · the log of referrals"
