"""A territory described in a file on a running Maillage: made, interrupted, changed; and a sandbox in it, tried out."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chassis.testing.receivers import receiving
from maillage.api import Client, http_client
from maillage.territory.applying import Applying
from maillage.territory.keeping import Folder
from maillage.territory.planning import CHANGES, EXTRA, NOTHING, Step
from maillage.territory.reading import read_text
from maillage.testing.acts import feed, of_referral, referral
from maillage.testing.running import RunningStack

FILE = """
version = 1

[[organisations]]
code = "{code}"
kind = "council"
name = "Département d'exemple"
phone = "01 99 00 00 95"
postal_address = "95 avenue de l'Exemple, 95000 Exemple"
sandbox = true
territory = {{ communes = ["95127"] }}
kafka = true
members = [{{ role = "caseworker", label = "Travailleuse sociale" }}]
clients = [{{ name = "logiciel", scopes = ["referrals:answer", "feed:read"] }}]

[[organisations.webhooks]]
url = "{url}"

[[organisations]]
code = "{code}of"
kind = "training_provider"
name = "Organisme d'exemple"
phone = "01 99 00 00 95"
postal_address = "95 avenue de l'Exemple, 95000 Exemple"
sandbox = true
clients = [{{ name = "catalogue" }}]

[[programmes]]
provider = "{code}of"
client = "catalogue"
title = "Bases du numérique"
theme = "numerique--maitriser-les-fondamentaux-du-numerique"
commune = "95127"
seats = 10
hours = 12
starts_at = {starts_at}
place = "Médiathèque d'exemple"
"""


class Cut(Exception):
    """The machine went off."""


class Failing(Folder):
    """A folder of secrets on a machine that goes off at its n-th writing, before or after it."""

    def __init__(self, folder: Path, at: int, *, after: bool) -> None:
        super().__init__(folder)
        self.at, self.after = at, after

    def put(self, code: str, what: str, name: str, document: dict[str, Any]) -> None:
        self.at -= 1
        if self.at < 0:
            raise Cut
        if self.at > 0 or self.after:
            super().put(code, what, name, document)
        if self.at == 0:
            raise Cut


@asynccontextmanager
async def applying(stack: RunningStack, text: str, keeper: Folder) -> AsyncIterator[Applying]:
    secret = (stack.data / "secrets" / "operator.client-secret").read_text("utf-8").strip()
    partners = stack.url("partners")
    async with http_client() as http:
        operator = Client(http, f"{partners}/oauth/token", "operator", secret)
        read = read_text(text, Path("territoire.toml"))
        yield Applying(read, operator, http, partners, stack.url("training"), keeper)


def actions(steps: list[Step]) -> dict[str, int]:
    return {action: sum(one.action == action for one in steps) for action in {one.action for one in steps}}


@pytest.mark.timeout(180)
async def test_interrupted_anywhere_it_is_gone_on_with_and_then_changes_nothing(
    stack: RunningStack, tmp_path: Path
) -> None:
    code = f"t{uuid4().hex[:8]}"
    async with receiving() as receiver:
        # Later than any test moves the shared stack's clock, and within what training accepts.
        starts_at = (datetime.now(UTC) + timedelta(days=900)).isoformat(timespec="seconds")
        text = FILE.format(code=code, url=receiver.url, starts_at=starts_at)
        cuts = 0
        for number, after in enumerate((False, True) * 5):
            keeper = Failing(tmp_path / "secrets", number // 2 + 1, after=after)
            async with applying(stack, text, keeper) as interrupted:
                try:
                    await interrupted.apply(await interrupted.plan())
                except Cut:
                    cuts += 1
        assert cuts >= 5

        async with applying(stack, text, Folder(tmp_path / "secrets")) as whole:
            await whole.apply(await whole.plan())
            again = await whole.plan()
            extra = [one for one in again if one.action == EXTRA]
            await whole.apply(again)

        # What was asked for and shown to nobody stays until somebody asks for its removal, and is listed.
        assert {one.action for one in again} <= {NOTHING, EXTRA}
        assert {one.what for one in extra} <= {"client"}
        kept = Folder(tmp_path / "secrets")
        assert kept.get(code, "kafka", "")["ready"] is True  # type: ignore[index]  # it is there
        files = [path for path in (tmp_path / "secrets").rglob("*") if path.is_file()]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert len(files) == 4

        changed = text.replace('"referrals:answer", "feed:read"', '"feed:read"').replace("Travailleuse", "Référente")
        changed = changed.replace(f'url = "{receiver.url}"', f'url = "{receiver.url}"\nevent_types = ["{ACCEPTED}"]')
        before = kept.get(code, "client", "logiciel")
        async with applying(stack, changed, kept) as other:
            steps = await other.plan()
            assert sorted((one.what, one.action) for one in steps if one.action in CHANGES) == [
                ("client", "change"), ("member", "create"), ("webhook", "change")
            ]  # fmt: skip
            await other.apply(steps)
            then = await other.plan()
            assert {one.action for one in then} <= {NOTHING, EXTRA}
            assert [one.name for one in then if one.action == EXTRA and one.what == "member"] == [
                "Travailleuse sociale"
            ]
            [webhook] = (await other.operator.get(f"{other.partners}/organisations/{code}/webhooks"))["items"]
            assert (webhook["state"], webhook["event_types"]) == ("active", [ACCEPTED])
            await other.prune(then)
            assert {one.action for one in await other.plan()} == {NOTHING}
            [client] = (await other.operator.get(f"{other.partners}/organisations/{code}/clients"))["items"]
            assert client["client_id"] == (kept.get(code, "client", "logiciel") or {})["client_id"]
        assert before is not None
        assert kept.get(code, "client", "logiciel")["client_id"] != before["client_id"]  # type: ignore[index]  # same


ACCEPTED = "fr.maillage.referrals.referral.accepted.v1"

SANDBOX = """
version = 1

[[organisations]]
code = "{code}"
kind = "association"
name = "Association d'exemple (bac à sable)"
phone = "01 99 00 00 95"
postal_address = "95 avenue de l'Exemple, 95000 Exemple"
email = "{code}@example.org"
sandbox = true
kafka = true
clients = [{{ name = "essai", scopes = ["referrals:write", "referrals:read", "feed:read"] }}]
"""


@pytest.mark.timeout(180)
async def test_command_makes_a_sandbox_in_which_a_whole_integration_is_tried_and_touches_nobody(
    stack: RunningStack, tmp_path: Path
) -> None:
    code = f"s{uuid4().hex[:8]}"
    file, secrets = tmp_path / "bac.toml", tmp_path / "secrets"
    file.write_text(SANDBOX.format(code=code), encoding="utf-8")

    def territory(*arguments: str) -> Any:
        done = stack.run("territory", arguments[0], str(file), "--secrets", str(secrets), *arguments[1:])
        assert done.returncode == 0, done.stderr
        for path in secrets.rglob("*.json"):
            kept = json.loads(path.read_text("utf-8"))
            for shown in (kept.get("client_secret"), kept.get("password")):
                assert shown is None or shown not in done.stdout + done.stderr
        return done.stdout

    assert "3 changements" in territory("plan")
    assert not secrets.exists()
    territory("apply")
    assert "Rien à changer" in territory("apply")

    kept = json.loads((secrets / code / "client-essai.json").read_text("utf-8"))
    async with http_client() as http:
        client = Client(http, kept["token_url"], kept["client_id"], kept["client_secret"])
        answers = {}
        for commune in ("98411", "98412"):
            body = referral(commune, email="camille@example.org", phone="06 39 98 12 34")
            answers[commune] = await client.post(
                f"{stack.url('referrals')}/referrals", body, headers={"idempotency-key": str(uuid4())}
            )
        ids = {commune: answer["referral_id"] for commune, answer in answers.items()}
        facts: dict[str, list[str]] = {}
        cursor, deadline = None, time.monotonic() + 60
        ends = ("referral.accepted", "referral.declined")
        while sum(any(fact.endswith(ends) for fact in of) for of in facts.values()) < 2:
            assert time.monotonic() < deadline, facts
            page = await client.get(f"{stack.url('partners')}/feed", after=cursor, wait=2)
            cursor = page["cursor"]
            for commune, referral_id in ids.items():
                facts.setdefault(commune, []).extend(of_referral(page["events"], referral_id))

    steps = ["referrals.referral.submitted", "referrals.referral.received", "referrals.referral.review_started"]
    for commune, last in (("98411", "accepted"), ("98412", "declined")):
        told = [fact for fact in facts[commune] if fact.startswith("referrals.")]
        assert told == [*steps, f"referrals.referral.{last}"]
    for real in ("cd93", "asso1", "ft93"):
        events = await feed(stack, real)
        assert not [one for one in events if one["data"].get("referral_id") in ids.values()]
