"""`maillage contracts shadow` reads a partner's export and says what a proposal would have refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from maillage.shadowing import CannotShadow, Source, shadow_run
from maillage_contracts import schema_for

DECLINED = "fr.maillage.referrals.referral.declined.v1"
SOURCE = Source("http://partners.test", "client-1", "secret", 30)
EXAMPLES = Path(__file__).parents[4] / "contracts" / "examples" / "referrals.referral.declined.v1"
EXAMPLE = next(one for one in sorted(EXAMPLES.glob("*.json")) if not one.name.endswith(".cloudevent.json"))


def answers(request: httpx.Request) -> httpx.Response:
    """What partners answer; the shapes are those of services/partners."""
    if request.url.path == "/oauth/token":
        return httpx.Response(200 if b"client_credentials" in request.content else 400, json={"access_token": "t"})
    assert request.headers["authorization"] == "Bearer t"
    if request.url.path == "/feed/digest":
        return httpx.Response(200, json={"days": [{"count": 3}]})
    event = {"type": DECLINED, "data": json.loads(EXAMPLE.read_bytes())}
    return httpx.Response(200, content="".join(json.dumps(event) + "\n" for _ in range(3)))


def run(schema: Path | None = None, command: str = "", handler: Any = answers) -> dict[str, Any]:
    return shadow_run(SOURCE, schema, command, quiet=True, transport=httpx.MockTransport(handler))


def test_schema_that_refuses_is_told_by_path_and_the_present_one_is_harmless(tmp_path: Path) -> None:
    proposed = tmp_path / "schema.json"
    schema = schema_for(DECLINED)
    proposed.write_text(json.dumps(schema), "utf-8")
    assert run(proposed) == {"events": 3, "refused": 0, "places": [], "findings": [], "harmless": True}

    schema["required"].append("zone")
    proposed.write_text(json.dumps(schema), "utf-8")
    found = run(proposed)

    assert (found["events"], found["refused"], found["harmless"]) == (3, 3, False)
    assert found["places"][0]["path"] == "(event): required zone"


def test_own_validator_is_told_by_type() -> None:
    program = "import sys\nfor line in sys.stdin: print('no', flush=True)"
    found = run(command=f'{sys.executable} -c "{program}"')

    assert (found["refused"], found["places"]) == (3, [{"type": DECLINED, "path": "(event)", "events": 3}])


def test_what_keeps_the_trial_from_being_made_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotShadow, match="401"):
        run(command="true", handler=lambda _: httpx.Response(401))
    (tmp_path / "schema.json").write_text("{", "utf-8")
    with pytest.raises(CannotShadow, match="JSON"):
        run(tmp_path / "schema.json")
