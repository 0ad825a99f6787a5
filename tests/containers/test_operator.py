"""The operator's command against a Maillage in containers, by `docker compose run`: the facts of one machine's."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.containers.composed import SERVICES, ComposedStack

from maillage.status_document import StatusDocument
from maillage.testing.acts import feed_until, of_referral, refer

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(1800)]

READERS = SERVICES[:-1]
DEAD_SECONDS = 240
BACK_SECONDS = 240
"""Services find a broker that came back by themselves; their databases and readers show it some seconds later."""

TERRITORY = """
version = 1

[[organisations]]
code = "cd77"
kind = "council"
name = "Département d'exemple"
phone = "01 99 00 00 77"
postal_address = "77 avenue de l'Exemple, 77000 Melun"
email = "cd77@example.org"
territory = { departements = ["77"] }
members = [{ role = "caseworker", label = "Travailleur social d'exemple (77)" }]
clients = [{ name = "essai", scopes = ["referrals:read", "feed:read"] }]
kafka = true
"""


def checks(composed: ComposedStack) -> tuple[int, dict[str, dict[str, str]]]:
    """Return doctor's exit code and its findings by name."""
    done = composed.operator("doctor", "--json")
    return done.returncode, {one["name"]: one for one in json.loads(done.stdout)["checks"]}


def test_doctor_finds_everything_and_everything_well(composed: ComposedStack) -> None:
    code, found = checks(composed)

    assert code == 0, found
    everything = {*SERVICES, "versions", "clock", "topics", "lag", *(f"database {name}" for name in SERVICES)}
    assert everything | {f"dead letters {name}" for name in READERS} <= found.keys()
    assert {name: one["level"] for name, one in found.items() if name in everything} == dict.fromkeys(everything, "ok")
    assert not any("not looked at" in one["text"] for one in found.values())


def test_status_tells_the_same_facts_as_one_document(composed: ComposedStack) -> None:
    done = composed.operator("status", "--json")
    told = json.loads(done.stdout)

    assert done.returncode == 0
    StatusDocument.model_validate(told)
    assert (told["running"], told["ready"], told["looked_at"]) == (True, True, "elsewhere")
    assert {part["name"] for part in told["parts"]} == set(SERVICES)
    assert {one["service"]: one["readable"] for one in told["databases"]} == dict.fromkeys(SERVICES, True)
    assert all(one["migrations_applied"] > 0 and not one["migrations_missing"] for one in told["databases"])
    assert (told["bus"]["readable"], told["bus"]["topics_missing"]) == (True, [])
    assert any(group["group"].startswith("partners-") for group in told["bus"]["groups"])
    for name, url in (("PORTAL", told["portal_url"]), ("DESK", told["mail_url"])):
        assert url.startswith(f"http://127.0.0.1:{composed.ports[name]}"), "where a person's browser finds it"
        assert httpx.get(url, timeout=10, trust_env=False, follow_redirects=True).is_success


def test_a_service_that_is_down_is_named_and_the_remedy_starts_it_again(composed: ComposedStack) -> None:
    composed.compose("stop", "training")
    try:
        code, found = checks(composed)
        status = composed.operator("status", "--json")
    finally:
        follow(composed, found["training"]["remedy"])

    assert (code, found["training"]["level"], found["referrals"]["level"]) == (1, "fail", "ok")
    assert "does not answer" in found["training"]["text"]
    assert (status.returncode, json.loads(status.stdout)["ready"]) == (0, False)
    well(composed, "training")


def test_a_broker_that_is_down_is_the_one_thing_to_start_again(composed: ComposedStack) -> None:
    composed.compose("stop", "kafka")
    try:
        code, found = checks(composed)
        told = json.loads(composed.operator("status", "--json").stdout)
    finally:
        follow(composed, found["topics"]["remedy"])

    assert (code, found["topics"]["level"]) == (1, "fail")
    assert "Kafka" in found["topics"]["text"]
    assert (told["running"], told["bus"]["readable"], told["bus"]["groups"]) == (True, False, [])
    assert all(one["readable"] for one in told["databases"]), "the databases are told of all the same"
    restarts = {name for name, one in found.items() if "restart" in one["remedy"]}
    assert restarts == {"topics"}, "services answer, and say what they wait for"
    assert not any("maillage logs" in one["remedy"] or "maillage status" in one["remedy"] for one in found.values())
    well(composed, "kafka")
    deadline = time.monotonic() + BACK_SECONDS
    while (again := checks(composed))[0] != 0 and time.monotonic() < deadline:
        continue
    assert again[0] == 0, [one for one in again[1].values() if one["level"] == "fail"]


def follow(composed: ComposedStack, remedy: str) -> None:
    """Type the first command of a remedy, as a person would."""
    first = remedy.partition(" ; ")[0].split()
    assert first[:2] == ["docker", "compose"], remedy
    composed.compose(*first[2:])


def well(composed: ComposedStack, *services: str) -> None:
    """Wait until containers are well again."""
    composed.compose("up", "--detach", "--no-build", "--no-recreate", "--no-deps", "--wait", *services)


@pytest.mark.parametrize("service", READERS)
def test_a_services_data_is_rebuilt_beside_it_and_is_the_same(composed: ComposedStack, service: str) -> None:
    # What is under way is no difference, and the command says so by another exit code.
    deadline = time.monotonic() + DEAD_SECONDS
    while (done := composed.run_once("replay", service, "--json")).returncode == 3 and time.monotonic() < deadline:
        continue

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["service"], found["verdict"]) == (service, "equal")
    assert sum(table["live"] for table in found["tables"]) > 0, "the demonstration left something to rebuild"


def test_the_operators_command_makes_no_database_and_says_what_does(composed: ComposedStack) -> None:
    done = composed.operator("replay", "referrals")

    assert done.returncode == 1
    assert "docker compose run --rm replay referrals" in done.stderr


def test_a_territory_is_planned_made_and_stays_as_its_file_says(composed: ComposedStack, tmp_path: Path) -> None:
    (tmp_path / "cd77.toml").write_text(TERRITORY, "utf-8")
    given = ("--volume", f"{tmp_path}:/files:ro")

    def territory(act: str) -> list[dict[str, Any]]:
        done = composed.run_once(*given, "operator", "territory", act, "/files/cd77.toml", "--json")
        assert done.returncode == 0, done.stderr
        steps: list[dict[str, Any]] = json.loads(done.stdout)["steps"]
        return [step for step in steps if step["action"] != "nothing"]

    tmp_path.chmod(0o755)
    wanted = {("organisation", "create"), ("member", "create"), ("client", "create"), ("kafka", "create")}
    assert {(step["what"], step["action"]) for step in territory("plan")} == wanted
    assert {(step["what"], step["action"]) for step in territory("apply")} == wanted
    assert territory("plan") == [], "another container finds what the first kept"
    kept = composed.run_once("--entrypoint", "cat", "operator", "secrets-du-territoire/cd77/client-essai.json")
    assert json.loads(kept.stdout)["client_secret"]


async def test_a_referrals_story_is_shown_across_the_services(composed: ComposedStack) -> None:
    async with composed.client("asso1", "referrals") as association:
        one = (await refer(association))["referral_id"]
    await feed_until(composed, "cd93", lambda events: "registration.person.identified" in of_referral(events, one))

    async def shown() -> dict[str, Any]:
        done = await asyncio.to_thread(composed.operator, "trace", one, "--json")
        found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return found

    # Processes export at their own pace.
    deadline, found, services = time.monotonic() + DEAD_SECONDS, await shown(), set[str]()
    while not {"referrals", "registration", "partners"} <= services and time.monotonic() < deadline:
        found = await shown()
        services = {span["service"] for trace in found.get("traces", ()) for span in trace["spans"]}

    assert {"referrals", "registration", "partners"} <= services
    assert found["referral_id"] == one
    # Without an id it is the demonstration's.
    told = await asyncio.to_thread(composed.operator, "trace")
    assert told.returncode == 0, told.stderr
    assert one not in told.stdout


def test_an_event_set_aside_is_listed_shown_and_tried_again(composed: ComposedStack) -> None:
    before = letters(composed)
    subprocess.run(
        [
            "docker", "exec", "--interactive", f"{composed.project}-kafka-1",
            "/opt/kafka/bin/kafka-console-producer.sh",
            "--bootstrap-server", "localhost:9091", "--topic", "registration-person-v1",
        ],
        input="no event\n", text=True, capture_output=True, check=True, timeout=60,
    )  # fmt: skip

    deadline = time.monotonic() + DEAD_SECONDS
    while not (new := letters(composed) - before) and time.monotonic() < deadline:
        continue
    assert new, "every service reads this topic, and none can read that"
    service, letter = sorted(new)[0]
    shown = composed.operator("dead-letters", "show", service, str(letter), "--json")
    tried = composed.operator("dead-letters", "requeue", service, str(letter), "--dry-run", "--json")
    causes = composed.operator("dead-letters", "causes", "--service", service)
    code, found = checks(composed)

    assert json.loads(shown.stdout)["topic"] == "registration-person-v1"
    assert "no event" not in shown.stdout + causes.stdout
    assert (tried.returncode, json.loads(tried.stdout)["failed"]) == (1, 1), "bad bytes are no better the second time"
    assert causes.returncode == 0
    assert (code, found[f"dead letters {service}"]["level"]) == (0, "warn")


def letters(composed: ComposedStack) -> set[tuple[str, int]]:
    """Return what every service has set aside."""
    done = composed.operator("dead-letters", "list", "--json")
    assert done.returncode == 0, done.stderr
    return {(one["service"], item["id"]) for one in json.loads(done.stdout)["services"] for item in one["items"]}


def test_a_command_that_needs_a_log_says_where_it_is(composed: ComposedStack) -> None:
    done = composed.operator("logs", "referrals")

    assert done.returncode == 1
    assert "docker compose logs referrals" in done.stderr
