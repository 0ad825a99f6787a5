"""Joining, from the request to the first event, on the running service."""

from __future__ import annotations

import json
from typing import Any, TypeAlias
from uuid import uuid4

from chassis.db import Database

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

EMAIL = "informatique@departement.example"
BODY: dict[str, Any] = {
    "name": "Département d’exemple",
    "legal_number": "732 829 320",
    "kind": "council",
    "territory": {"departements": ["93"]},
    "phone": "01 99 00 00 93",
    "postal_address": "93 avenue de l’Exemple\n93000 Bobigny",
    "contact_email": EMAIL,
}


async def ask(service: Service, *, key: str | None = None, **changes: Any) -> Any:
    return await service.http.post(
        "/join-requests", json={**BODY, **changes}, headers={"idempotency-key": key or str(uuid4())}
    )


async def asked(service: Service, **changes: Any) -> tuple[str, dict[str, str]]:
    """Ask, and return the request's id with the header that carries the mailed link."""
    answer = await ask(service, **changes)
    assert answer.status_code == 201, answer.text
    request_id = str(answer.json()["join_request_id"])
    [found] = (await claim(service, request_id)).json()["items"]
    return request_id, {"maillage-join": found["link"]}


async def claim(service: Service, *ids: str) -> Any:
    """Ask whom the mails go to, as notifications does."""
    headers = {**await service.headers("referrals"), "maillage-purpose": "notice"}
    return await service.http.get("/claims/join-requests", params=[("id", one) for one in ids], headers=headers)


async def approved(service: Service, code: str = "cd93", **changes: Any) -> tuple[str, dict[str, str]]:
    request_id, link = await asked(service, **changes)
    assert (await service.http.post("/join-request/confirmation", headers=link)).status_code == 200
    answer = await service.call("POST", f"/join-requests/{request_id}/approval", json={"code": code})
    assert answer.status_code == 200, answer.text
    return request_id, link


async def published(db: Database, stem: str) -> list[tuple[str, dict[str, Any]]]:
    async with db.connection() as tx:
        rows = await tx.fetch("SELECT type, payload FROM outbox WHERE type LIKE $1 ORDER BY position", f"%{stem}%")
    return [(row["type"].split(".")[-2], json.loads(row["payload"])) for row in rows]


async def test_a_council_joins_and_reads_its_first_event(service: Service, db: Database) -> None:
    request_id, link = await asked(service)
    assert (await service.http.get("/join-request", headers=link)).json()["state"] == "unconfirmed"
    assert (await service.http.post("/join-request/confirmation", headers=link)).json()["state"] == "confirmed"
    [waiting] = (await service.call("GET", "/join-requests", params={"state": "confirmed"})).json()["items"]
    assert (waiting["join_request_id"], waiting["legal_number"], waiting["suggested_code"]) == (
        request_id, "732829320", "cd93",
    )  # fmt: skip
    await service.call("POST", f"/join-requests/{request_id}/approval", json={"code": "cd93"})

    shown = await service.http.post("/join-request/credentials", headers=link)
    assert shown.status_code == 200, shown.text
    assert shown.headers["cache-control"] == "no-store"
    given = shown.json()
    mine = await service.headers(given["client_id"], given["client_secret"])
    first = await service.http.post("/join-request/test-event", headers=link)
    assert first.status_code == 202
    feed = (await service.http.get("/feed", headers=mine)).json()["events"]

    assert given["feed_url"] == f"{service.url}/feed"
    assert given["token_url"] == f"{service.url}/oauth/token"
    assert given["kafka"] is None
    [event] = feed
    assert event["id"] == first.json()["event_id"]
    assert event["type"] == "fr.maillage.referrals.referral.submitted.v1"
    assert event["data"]["referral_id"].startswith("7e577e57-")
    assert event["data"]["routing"]["sender_kind"] == "synthetic"
    after = (await service.http.get("/join-request", headers=link)).json()
    assert (after["state"], after["organisation"]["code"], after["credentials_available"]) == (
        "approved",
        "cd93",
        False,
    )
    assert after["access"]["client_id"] == given["client_id"]
    assert [one["event_id"] for one in after["test_events"]] == [event["id"]]
    assert given["client_secret"] not in json.dumps(after)
    assert [kind for kind, _ in await published(db, "join_request")] == ["submitted", "confirmed", "approved"]
    members = (await service.call("GET", "/organisations/cd93/members")).json()["items"]
    assert [(one["role"], one["label"]) for one in members] == [("manager", "Responsable des accès")]
