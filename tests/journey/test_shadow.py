"""`maillage contracts shadow` on the stream of an association: what it would have broken of what really came."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maillage.testing.acts import feed, feed_until, of_referral, refer, referral
from maillage.testing.running import MAILLAGE, RunningStack
from maillage_contracts import ReferralSubmitted, schema_for, type_of

SUBMITTED = type_of(ReferralSubmitted)
TWO_NEEDS = ["numerique--acceder-a-une-connexion-internet", "logement-hebergement--louer-un-logement"]
VALIDATOR = """
import json, sys
for line in sys.stdin:
    event = json.loads(line)
    mine = event["data"].get("referral_id") == sys.argv[1]
    print(json.dumps({"valid": False, "path": "data.referral_id", "why": line}) if mine else "ok", flush=True)
"""


def shadow(stack: RunningStack, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command as a partner does, with its credentials in the environment; return its exit code and report."""
    api = stack.organisation("asso1")["api"]
    own = {
        "MAILLAGE_URL": stack.url("partners"),
        "MAILLAGE_CLIENT_ID": api["client_id"],
        "MAILLAGE_CLIENT_SECRET": api["client_secret"],
    }
    done = subprocess.run(
        [str(MAILLAGE), "contracts", "shadow", *arguments, "--json"],
        env=stack.environment | own, cwd=stack.folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@pytest.fixture
async def told(stack: RunningStack) -> str:
    """One referral with two needs, and what followed from it, in the association's stream."""
    async with stack.client("asso1", "referrals") as association:
        one: str = (await refer(association, referral() | {"themes": TWO_NEEDS}))["referral_id"]
    await feed_until(stack, "asso1", lambda events: "registration.person.identified" in of_referral(events, one))
    return one


def proposed(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> str:
    schema = copy.deepcopy(schema_for(SUBMITTED))
    change(schema)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(schema), "utf-8")
    return str(path)


async def test_proposals_are_tried_on_what_really_came(stack: RunningStack, told: str, tmp_path: Path) -> None:
    optional = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    harmless = proposed(tmp_path, "harmless", lambda schema: schema["properties"].update(zone=optional))
    one_need = proposed(tmp_path, "one_need", lambda schema: schema["properties"]["themes"].update(maxItems=1))
    (tmp_path / "validator.py").write_text(VALIDATOR, "utf-8")
    command = f"{sys.executable} {tmp_path / 'validator.py'} {told}"

    before = await feed(stack, "asso1")
    (passed, fine), (broken, refusing), (refused, verdicts) = await asyncio.gather(
        *(asyncio.to_thread(shadow, stack, *one) for one in ([harmless], [one_need], ["--command", command]))
    )
    after = await feed(stack, "asso1")

    def between(counted: int, which: Callable[[dict[str, Any]], bool]) -> bool:
        """Whether this is how many there were; another test's may still have been coming."""
        return sum(map(which, before)) <= counted <= sum(map(which, after))

    assert (passed, fine["harmless"], fine["refused"], fine["places"], fine["findings"]) == (0, True, 0, [], [])
    assert between(fine["events"], lambda event: event["type"] == SUBMITTED)
    assert (broken, refusing["harmless"]) == (1, False)
    [place] = refusing["places"]
    assert (place["type"], place["path"]) == (SUBMITTED.removeprefix("fr.maillage."), "themes: maxItems")
    assert place["events"] == refusing["refused"] < refusing["events"]
    assert between(place["events"], lambda event: event["type"] == SUBMITTED and len(event["data"]["themes"]) > 1)
    assert any("maxItems" in finding for finding in refusing["findings"])

    mine = of_referral(after, told)
    assert (refused, verdicts["refused"]) == (1, len(mine))
    assert {(place["type"], place["path"], place["events"]) for place in verdicts["places"]} == {
        (f"fr.maillage.{fact}.v1", "data.referral_id", mine.count(fact)) for fact in mine
    }
    assert between(verdicts["events"], lambda event: True)
    assert told not in json.dumps([fine, refusing, verdicts])
