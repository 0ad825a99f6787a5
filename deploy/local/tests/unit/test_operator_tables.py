"""What dead letters and replays look like to a person, and what the commands refuse before they ask anybody."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from maillage import dead_letters
from maillage.api import Client
from maillage.cli import app
from maillage.dead_letters import CORRECTION_BYTES_MAX
from maillage.errors import Refusal
from maillage.letter_tables import show_causes, show_letter, show_letters, show_outcome
from maillage.replay_tables import show_replay
from maillage.settings import LocalSettings
from maillage.spoken import said

ITEM: dict[str, Any] = {
    "id": 12, "state": "dead", "group": "0123456789", "type": "fr.maillage.referrals.referral.submitted.v1",
    "cause": "InvalidPayload: invalid event: value: json_invalid", "attempts": 3, "created_at": "2026-03-02T09:30:00Z",
}  # fmt: skip
TABLE: dict[str, Any] = {
    "table": "referral_subjects", "live": 10, "rebuilt": 9, "same": 8, "different": 1, "only_live": 1,
    "only_rebuilt": 0,
}  # fmt: skip
FOUND: dict[str, Any] = {
    "verdict": "differs", "first_difference": "referral_subjects", "records": 1000, "seconds": 2.0, "records_gone": {},
    "live_is_behind": 0, "dead_letters": {"live": 1, "rebuilt": 0}, "tables": [TABLE], "database": None,
    "not_rebuilt": {"referrals": "what people decided"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("MAILLAGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MAILLAGE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def test_letters_and_causes_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show_letters([{"service": "referrals", "items": [ITEM], "cursor": 12}, {"service": "training", "items": []}])
    cause = {**ITEM, "keys": 3, "held": 7, "first_id": 12, "first_at": ITEM["created_at"]}
    show_causes([{"service": "referrals", "items": [cause], "more": False}])
    show_letters([{"service": "training", "items": []}])

    shown = capsys.readouterr().out
    assert "json_invalid" in shown
    assert "--after 12" in shown
    assert "Rien n'est de côté · nothing is set aside" in shown


@pytest.mark.parametrize("show", [show_letters, show_causes])
def test_nothing_is_said_of_services_that_did_not_answer(show: Any, capsys: pytest.CaptureFixture[str]) -> None:
    silent = {"items": [], "error": "ne répond pas [7]", "remedy": "maillage status"}
    show([{"service": "referrals", **silent}, {"service": "training", "items": []}, {"service": "partners", **silent}])

    assert capsys.readouterr().out.splitlines() == [
        "Rien de côté chez ceux qui ont répondu ; on ne sait rien des autres"
        " · nothing set aside where a service answered; nothing is known of the others",
        "referrals : ne répond pas [7]",
        "partners : ne répond pas [7]",
        "  → maillage status",
    ]


def test_what_was_found_is_shown_beside_who_did_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    show_letters([{"service": "referrals", "items": [ITEM]}, {"service": "training", "items": [], "error": "silent"}])

    shown = capsys.readouterr().out
    assert "json_invalid" in shown
    assert "training : silent" in shown
    assert "de côté" not in shown


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (404, "check the id or number"),
        (400, "correct what the answer names"),
        (409, "correct what the answer names"),
        (422, "correct what the answer names"),
        (401, "check the operator's client"),
        (403, "check the operator's client"),
        (503, "docker compose run --rm operator doctor"),
        (None, "docker compose run --rm operator status"),
    ],
)
def test_a_refusal_ends_with_what_its_reader_can_do(status: int | None, remedy: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 300})
        if status is None:
            raise httpx.ConnectError("nobody", request=request)
        return httpx.Response(status, json={"code": "no"})

    settings = LocalSettings(run_by="compose")

    async def ask(service: str | None) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            client = Client(http, "http://127.0.0.1:1/oauth/token", "operator", "secret")
            return await dead_letters.of_services(settings, client, service, "/groups")

    found = asyncio.run(ask(None))
    with pytest.raises(Refusal) as alone:
        asyncio.run(ask("referrals"))

    assert len(found) == 5
    assert all(remedy in one["remedy"] for one in found)
    assert remedy in said(settings, alone.value.remedy)


def test_one_letter_names_what_it_waits_for_and_who_touched_it(capsys: pytest.CaptureFixture[str]) -> None:
    letter = {
        **ITEM, "service": "referrals", "state": "held", "topic": "t", "partition": 0, "offset": 7, "event_id": None,
        "key": None, "key_bytes": 6, "value_bytes": None, "trace_id": None, "behind": 2, "first_of_key": 9,
        "written_bytes": 5,
        "acts": [{"act": "corrected", "at": ITEM["created_at"], "who": "operator", "why": "cut in two"}],
    }  # fmt: skip
    show_letter(letter, Path("/tmp/one"))

    shown = capsys.readouterr().out
    assert "referrals 9" in shown
    assert "operator : cut in two" in shown
    assert "5 octets dans /tmp/one" in shown


@pytest.mark.parametrize(("dry_run", "words"), [(True, "would be handled"), (False, "still set aside")])
def test_outcome_says_what_stays(dry_run: bool, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    stopped = [{"letter_id": 12, "cause": "Permanent: no"}]
    show_outcome(
        "referrals",
        {"handled": 3, "failed": 1, "stopped": stopped, "waits_for": "PostgreSQL", "dry_run": dry_run},
    )

    shown = capsys.readouterr().out
    assert words in shown
    assert "referrals 12 : Permanent: no" in shown
    assert "PostgreSQL" in shown


@pytest.mark.parametrize("verdict", ["equal", "contained", "differs", "undecided"])
def test_every_verdict_is_a_sentence(verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_replay({**FOUND, "verdict": verdict, "records_gone": {"t": 4} if verdict == "contained" else {}})

    shown = capsys.readouterr().out
    assert "referral_subjects" in shown
    assert "non reconstruit · not rebuilt: referrals" in shown
    assert "1000 événements en 2.0 s" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dead-letters", "causes", "--service", "portal"), "no service of that name"),
        (("dead-letters", "requeue", "referrals"), "say which"),
        (("dead-letters", "requeue", "referrals", "12", "--all"), "say which"),
        (("dead-letters", "causes"), "the operator's secret"),
        (("replay", "portal"), "no service of that name"),
        (("replay", "referrals"), "not running"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    refused = CliRunner().invoke(app, list(arguments))

    assert isinstance(refused.exception, Refusal)
    assert words in refused.exception.sentence
    assert refused.exception.remedy


def test_a_correction_that_cannot_fit_is_refused_before_it_is_sent(own_folder: Path) -> None:
    large = own_folder / "large"
    large.write_bytes(b"x" * (CORRECTION_BYTES_MAX + 1))
    settings = LocalSettings()

    async def act() -> None:
        async with httpx.AsyncClient() as http:
            client = Client(http, "http://127.0.0.1:1/oauth/token", "operator", "secret")
            await dead_letters.correct(settings, client, "referrals", 12, large, "a test")

    with pytest.raises(Refusal, match="larger than what the services take"):
        asyncio.run(act())


def test_a_site_names_its_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_REFERRALS_URL", "https://referrals.example.org/")
    settings = LocalSettings()

    assert settings.operations_url_of("referrals") == "https://referrals.example.org"
    assert settings.operations_url_of("training") == settings.url_of("training")
