"""A webhook from its creation to its first events, and what an organisation does with it: on the running service."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, TypeAlias

from standardwebhooks import Webhook

from chassis.testing.events import example, source_of_event
from chassis.testing.receivers import Receiver, Seen, answer, receiving
from maillage_contracts import PersonIdentified

World: TypeAlias = Any
"""conftest.World: test folders are no packages."""

RECEIVED = "fr.maillage.referrals.referral.received.v1"


async def test_projected_events_arrive_signed_as_the_feed_has_them(world: World, receiver: Receiver) -> None:
    webhook = await world.webhook(receiver)

    await world.project(world.referral())
    await world.until(lambda: len(receiver.events()) >= 3)

    headers = await world.service.client_of("cd93")
    page = (await world.service.http.get("/feed", headers=headers)).json()
    assert receiver.events() == page["events"]
    for seen in receiver.accepted:
        Webhook(webhook["secret"]).verify(seen.body, seen.headers)
        assert seen.headers["webhook-id"] == seen.event["id"]
        assert seen.headers["content-type"].startswith("application/cloudevents+json")
    assert "authorization" not in receiver.requests[0].headers


async def test_organisation_manages_its_own_and_nobody_elses(world: World, receiver: Receiver) -> None:
    mine = await world.service.client_of("cd93")
    theirs = await world.service.client_of("asso1")
    http = world.service.http
    created = await http.post("/webhooks", json={"url": receiver.url}, headers=mine)
    path = f"/webhooks/{created.json()['webhook_id']}"

    for method, suffix in (
        *(("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/pause"), ("POST", "/resume")),
        *(("POST", "/test"), ("POST", "/secrets"), ("POST", "/verification")),
    ):
        assert (await http.request(method, path + suffix, headers=theirs)).status_code == 404, suffix
    assert (await http.get(f"/organisations/cd93{path}", headers=mine)).status_code == 403
    assert (await http.get("/webhooks", headers=await world.service.headers("portal"))).status_code == 403
    assert (await http.get("/webhooks", headers=theirs)).json() == {"items": []}
    [shown] = (await http.get("/webhooks", headers=mine)).json()["items"]
    assert shown["state"] == "pending"
    assert "whsec_" not in str(shown)
    assert created.json()["secret"].startswith("whsec_")
    assert (await http.delete(path, headers=mine)).status_code == 204
    assert (await http.get("/webhooks", headers=mine)).json() == {"items": []}
    async with world.db.connection() as tx:
        purposes = [row["purpose"] for row in await tx.fetch("SELECT purpose FROM audit ORDER BY id")]
    assert purposes == ["webhook.created", "webhook.deleted"]


async def test_nothing_is_sent_before_the_challenge_is_given_back(world: World) -> None:
    said: list[bytes] = [answer(200, b"welcome"), answer(500, b"Camille Exemple"), answer(302, b"", "location: /x")]

    async def behave(_: Receiver, seen: Seen) -> bytes:
        return said.pop(0) if said else answer(200, seen.event["data"]["challenge"].encode())

    async with receiving(behave) as receiver:
        webhook = (await world.call("POST", json={"url": receiver.url})).json()
        await world.project(world.referral())
        for seen in ("challenge, 200", "status, 500", "redirect, 302"):
            refused = await world.call("POST", f"/{webhook['webhook_id']}/verification")
            assert (refused.status_code, refused.json()["code"]) == (422, "webhook_challenge_failed")
            assert refused.json()["detail"].endswith(f"{seen}.")
        assert (await world.shown(webhook))["state"] == "pending"
        assert {seen.event["type"] for seen in receiver.requests} == {"fr.maillage.partners.webhook.challenge.v1"}
        Webhook(webhook["secret"]).verify(receiver.requests[0].body, receiver.requests[0].headers)

        assert (await world.call("POST", f"/{webhook['webhook_id']}/verification")).json()["state"] == "active"


async def test_pause_loses_nothing_and_resume_goes_on_where_it_stopped(world: World, receiver: Receiver) -> None:
    webhook = await world.webhook(receiver)
    await world.project(world.referral())
    await world.until(lambda: len(receiver.events()) == 3)

    assert (await world.call("POST", f"/{webhook['webhook_id']}/pause")).json()["state"] == "paused"
    await world.advance(timedelta(days=2))
    await world.project(*(world.referral() for _ in range(5)))
    tested = (await world.call("POST", f"/{webhook['webhook_id']}/test")).json()
    assert (tested["outcome"], tested["status"]) == ("delivered", 204)
    assert len(receiver.events()) == 3
    await world.call("POST", f"/{webhook['webhook_id']}/resume")

    stream = await world.stream()
    await world.until(lambda: len(receiver.events()) == len(stream) == 18)
    assert sorted(receiver.ids()) == sorted(stream)


async def test_both_secrets_sign_during_a_rotation_and_the_old_one_ends(world: World, receiver: Receiver) -> None:
    webhook = await world.webhook(receiver)
    path = f"/{webhook['webhook_id']}/secrets"
    new = (await world.call("POST", path, json={"overlap_hours": 24})).json()["secret"]

    await world.project(world.referral())
    await world.until(lambda: len(receiver.events()) == 3)
    seen = receiver.accepted[-1]
    for secret in (webhook["secret"], new):
        Webhook(secret).verify(seen.body, seen.headers)
    assert len(seen.headers["webhook-signature"].split()) == 2

    await world.advance(timedelta(hours=25))
    await world.project(world.referral())
    await world.until(lambda: len(receiver.events()) == 6)
    assert len(receiver.accepted[-1].headers["webhook-signature"].split()) == 1
    Webhook(new).verify(receiver.accepted[-1].body, receiver.accepted[-1].headers)
    assert len((await world.shown(webhook))["secrets"]) == 1


async def test_filter_lets_its_types_through_and_the_position_passes_the_others(
    world: World, receiver: Receiver
) -> None:
    headers = await world.service.client_of("cd93")
    body = {"url": receiver.url, "event_types": ["referrals.referral.recieved.v1"]}
    misspelt = await world.service.http.post("/webhooks", json=body, headers=headers)
    assert (misspelt.status_code, misspelt.json()["code"]) == (422, "unknown_type")
    webhook = await world.webhook(receiver, event_types=[RECEIVED])

    await world.project(world.referral(), world.referral())

    await world.until(lambda: len(receiver.events()) == 2)
    assert {event["type"] for event in receiver.events()} == {RECEIVED}
    headers = await world.service.client_of("cd93")
    end = (await world.service.http.get("/feed", headers=headers)).json()["cursor"]
    await world.until_state(webhook, cursor=end, waiting=0)


async def test_a_family_of_types_is_delivered_whole_and_a_misspelt_one_refused(
    world: World, receiver: Receiver
) -> None:
    misspelt = await world.call("POST", json={"url": receiver.url, "event_types": ["referrals.refferal.*"]})
    assert (misspelt.status_code, misspelt.json()["code"]) == (422, "unknown_type")
    webhook = await world.webhook(receiver, event_types=["referrals.referral.*"])
    family = set((await world.shown(webhook))["event_types"])
    assert RECEIVED in family
    assert all(one.startswith("fr.maillage.referrals.referral.") for one in family)

    referral = world.referral()
    first = json.loads(referral[0].value)
    of_another = example(PersonIdentified, referral_id=first["referral_id"], routing=first["routing"])
    await world.project(referral[:1], [source_of_event(of_another)], referral[1:])
    await world.until_state(webhook, waiting=0)
    await world.until(lambda: len(receiver.events()) == 3)

    assert len(await world.stream()) == 4
    assert {event["type"] for event in receiver.events()} < family


async def test_one_event_or_a_range_is_sent_again_with_the_same_ids(world: World, receiver: Receiver) -> None:
    await world.project(world.referral(), world.referral())
    stream = await world.stream()
    webhook = await world.webhook(receiver)
    path = f"/{webhook['webhook_id']}/redelivery"
    await world.project(world.referral())
    await world.until(lambda: len(receiver.events()) == 3)

    assert (await world.call("POST", path, json={"event_id": stream[1]})).status_code == 202
    await world.until(lambda: receiver.ids()[3:] == [stream[1]])
    await world.until_state(webhook, waiting=0)
    assert (await world.call("POST", path, json={"since": "2026-01-01T00:00:00Z"})).status_code == 202
    await world.until(lambda: len(receiver.events()) == 13)
    await world.until_state(webhook, redelivery=None)

    assert sorted(receiver.ids()[4:]) == sorted(await world.stream())
    kinds = [line["kind"] for line in await world.log(webhook)]
    assert kinds.count("redelivery") == 10
    unknown = await world.call("POST", path, json={"event_id": webhook["webhook_id"]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (await world.call("POST", path, json={})).status_code == 422


async def test_a_range_between_two_cursors_is_sent_again_and_nothing_beside_it(
    world: World, receiver: Receiver
) -> None:
    webhook = await world.webhook(receiver)
    await world.project(world.referral(), world.referral())
    await world.until(lambda: len(receiver.events()) == 6)
    await world.until_state(webhook, waiting=0)
    headers = await world.service.client_of("cd93")

    async def cursor_after(count: int) -> str:
        page = await world.service.http.get("/feed", params={"limit": count}, headers=headers)
        return str(page.json()["cursor"])

    range_ = {"after": await cursor_after(1), "until": await cursor_after(4)}
    assert (await world.call("POST", f"/{webhook['webhook_id']}/redelivery", json=range_)).status_code == 202
    await world.until_state(webhook, redelivery=None)
    await world.until(lambda: len(receiver.events()) == 9)

    assert sorted(receiver.ids()[6:]) == sorted((await world.stream())[1:4])


async def test_a_new_webhook_begins_where_it_is_told(world: World, receiver: Receiver) -> None:
    await world.project(world.referral())
    headers = await world.service.client_of("cd93")
    cursor = (await world.service.http.get("/feed", params={"limit": 2}, headers=headers)).json()["cursor"]
    for start, count in (({"after": cursor}, 1), ({"since": "2026-01-01T00:00:00Z"}, 3)):
        async with receiving() as begun:
            webhook = await world.webhook(begun, **start)
            await world.ring()
            await world.until(lambda begun=begun, count=count: len(begun.events()) == count)
            await world.until_state(webhook, waiting=0)
            assert begun.ids() == (await world.stream())[-count:]


async def test_address_is_refused_by_its_rule(world: World) -> None:
    for url in ("http://example.org/", "https://user:secret@example.org/", "https://10.0.0.1/", "ftp://example.org/"):
        refused = await world.call("POST", json={"url": url})

        assert (refused.status_code, refused.json()["code"]) == (422, "webhook_address_refused"), url
        assert refused.json()["errors"][0]["field"] == "url"
        assert "secret" not in refused.text
