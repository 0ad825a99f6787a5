"""A newcomer joins a running Maillage, and what is taken from them is refused everywhere within seconds."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from maillage.newcomer import Journey
from maillage.testing.acts import header, newcomer, rows, topic_until
from maillage.testing.running import RunningStack

FIVE_MINUTES = 300.0
REVOKED_WITHIN = 10.0
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
PLACES = {"referrals": "/referrals", "training": "/sessions", "partners": "/feed"}
"""A route of each service that a council's token opens."""


@pytest.fixture(scope="module")
def council(stack: RunningStack) -> Journey:
    """A council that has just joined."""
    return newcomer(stack)


async def test_a_newcomer_reads_the_first_event_in_less_than_five_minutes(stack: RunningStack) -> None:
    said = stack.run("join", "--sandbox", "--json")

    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    print(f"from the request to the first event: {found['seconds']} s {found['steps']}")  # noqa: T201  # for the reader
    assert found["seconds"] < FIVE_MINUTES
    assert found["organisation_code"].startswith("essai")
    assert found["first_event"]["type"] == "fr.maillage.referrals.referral.submitted.v1"
    assert list(found["steps"]) == [
        "ask", "mail", "confirm", "credentials", "token", "feed", "test_event", "first_event",
    ]  # fmt: skip


async def allowed_in(kafka: dict[str, str]) -> AIOKafkaConsumer:
    """Return a started consumer with the credentials that were shown; the user is made in the background."""
    async with asyncio.timeout(60):
        while True:
            consumer = AIOKafkaConsumer(
                kafka["topic"], bootstrap_servers=kafka["bootstrap"], security_protocol=kafka["security_protocol"],
                sasl_mechanism=kafka["mechanism"], sasl_plain_username=kafka["username"],
                sasl_plain_password=kafka["password"], group_id=kafka["group"], auto_offset_reset="earliest",
            )  # fmt: skip
            try:
                await consumer.start()
            except KafkaError:
                await consumer.stop()
                await asyncio.sleep(0.2)
            else:
                return consumer


async def test_a_council_reads_the_same_first_event_on_its_own_topic(council: Journey) -> None:
    consumer = await allowed_in(council.credentials["kafka"])
    try:
        first, *_ = await topic_until(consumer, lambda found: len(found) >= 1)
    finally:
        await consumer.stop()

    assert header(first, "ce_id") == council.event["id"]
    assert council.credentials["organisation_code"] == "cd77"


async def test_nothing_of_a_newcomer_s_address_or_link_leaves_partners(stack: RunningStack, council: Journey) -> None:
    [request] = await rows(
        stack, "partners", "SELECT j.*, j::text AS everything FROM join_requests j WHERE client_id = $1",
        council.credentials["client_id"],
    )  # fmt: skip
    assert council.link not in request["everything"]
    logs = "".join(path.read_text("utf-8", "replace") for path in (stack.data / "logs").glob("*.log"))
    spans = str(await asyncio.to_thread(lambda: stack.spans.spans))
    notices = str(await rows(stack, "notifications", "SELECT n::text FROM notices n"))
    for secret in (council.link, "@organisation.example", council.credentials["client_secret"]):
        assert secret not in logs
        assert secret not in spans
        assert secret not in notices
    assert "join_approved" in notices


async def refused_everywhere(stack: RunningStack, token: str) -> float:
    """Return after how many seconds every service refuses the token; fails after ten."""
    started = time.monotonic()
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, trust_env=False) as http:
        async with asyncio.timeout(REVOKED_WITHIN):
            while await statuses(http, stack) != {401}:
                await asyncio.sleep(0.05)
    return time.monotonic() - started


async def statuses(http: httpx.AsyncClient, stack: RunningStack) -> set[int]:
    answers = await asyncio.gather(*(http.get(stack.url(name) + path) for name, path in PLACES.items()))
    return {answer.status_code for answer in answers}


async def token(stack: RunningStack, client_id: str, secret: str, **form: Any) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        data = {"grant_type": "client_credentials", **form}
        return await http.post(f"{stack.url('partners')}/oauth/token", auth=(client_id, secret), data=data)


async def test_a_secret_a_member_and_a_client_that_end_are_refused_everywhere_within_ten_seconds(
    stack: RunningStack, council: Journey
) -> None:
    given = council.credentials
    client_id = given["client_id"]
    portal = ("portal", (stack.data / "secrets" / "portal.client-secret").read_text("utf-8").strip())
    first = (await token(stack, client_id, given["client_secret"])).json()["access_token"]
    headers = {"authorization": f"Bearer {first}"}
    async with httpx.AsyncClient(base_url=stack.url("partners"), headers=headers, trust_env=False) as http:
        assert await statuses(http, stack) == {200}
        new = (await http.post(f"/clients/{client_id}/secrets", json={})).json()
        [mine] = (await http.get("/clients")).json()["items"]
        member = (await http.post("/members", json={"role": "caseworker", "label": "Poste d’exemple"})).json()
        exchanged = {"grant_type": EXCHANGE, "subject_token": member["member_id"]}
        exchange = await token(stack, *portal, subject_token_type="urn:maillage:member", **exchanged)
        of_member = exchange.json()["access_token"]
        older = next(one["secret_id"] for one in mine["secrets"] if one["secret_id"] != new["secret_id"])
        second = (await token(stack, client_id, new["client_secret"])).json()["access_token"]

        http.headers["authorization"] = f"Bearer {second}"
        assert (await http.delete(f"/clients/{client_id}/secrets/{older}")).status_code == 204
        of_secret = await refused_everywhere(stack, first)
        assert (await http.delete(f"/members/{member['member_id']}")).status_code == 204
        of_role = await refused_everywhere(stack, of_member)
        assert await statuses(http, stack) == {200}, "the other secret opens as before"
        assert (await http.delete(f"/clients/{client_id}")).status_code == 204
        of_client = await refused_everywhere(stack, second)

    print(f"refused everywhere: secret {of_secret:.2f} s, member {of_role:.2f} s, client {of_client:.2f} s")  # noqa: T201
    assert (await token(stack, client_id, given["client_secret"])).status_code == 401
    assert (await token(stack, client_id, new["client_secret"])).status_code == 401
