"""The operator's command against a Maillage in containers, by `docker compose run`: the facts of one machine's."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from typing import Any

import pytest
from tests.containers.composed import SERVICES, ComposedStack, docker

from maillage.status_document import StatusDocument
from maillage.testing.acts import feed_until, of_referral, refer

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(900)]

READERS = SERVICES[:-1]
DEAD_SECONDS = 60


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


def test_a_service_that_is_down_is_named(composed: ComposedStack) -> None:
    name = f"{composed.project}-training-1"
    docker("stop", "--timeout", "10", name)
    try:
        code, found = checks(composed)
        status = composed.operator("status", "--json")
    finally:
        docker("start", name)
        composed.compose("up", "--detach", "--no-build", "--wait", "training")

    assert (code, found["training"]["level"], found["referrals"]["level"]) == (1, "fail", "ok")
    assert "does not answer" in found["training"]["text"]
    assert (status.returncode, json.loads(status.stdout)["ready"]) == (0, False)


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
