"""Joining, from the request to the first event, on the running service."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any, TypeAlias
from uuid import uuid4

from chassis.db import Database
from partners.adapters.postgres.streams import PostgresStreams

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


async def some_wait(db: Database) -> bool:
    """Say whether two sessions of this database wait for a lock."""
    async with db.connection() as tx:
        waiting = await tx.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    return bool(waiting >= 2)


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
    assert (await service.call("GET", f"/join-requests/{request_id}")).json() == waiting
    assert (await service.call("GET", f"/join-requests/{uuid4()}")).status_code == 404
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


async def test_an_organisations_own_address_is_public_where_it_gives_one_and_the_contacts_never(
    service: Service, db: Database
) -> None:
    mailbox = "orientations@departement.example"
    request_id, _ = await approved(service, email=mailbox)
    await approved(service, "asso2", kind="association", legal_number="443 061 841")

    asked_of = [(await service.call("GET", f"/join-requests/{request_id}")).json()["email"]]
    asked_of += [(await service.call("GET", f"/organisations/{code}")).json()["email"] for code in ("cd93", "asso2")]
    told = {one["code"]: one.get("email") for kind, one in await published(db, "organisation") if kind == "registered"}

    assert asked_of == [mailbox, mailbox, None]
    assert {code: told[code] for code in ("cd93", "asso2")} == {"cd93": mailbox, "asso2": None}


async def test_the_address_stands_nowhere_but_sealed_and_each_reading_of_it_is_audited(
    service: Service, db: Database
) -> None:
    request_id, link = await asked(service)
    again = (await claim(service, request_id, str(uuid4()))).json()["items"]

    assert [(one["email"], one["language"], one["gone"]) for one in again] == [(EMAIL, "fr", False)]
    assert (await service.call("GET", "/claims/join-requests", params={"id": request_id})).status_code == 403
    async with db.connection() as tx:
        tables = [
            row["tablename"] for row in await tx.fetch("SELECT tablename FROM pg_tables WHERE schemaname='public'")
        ]
        rows = {table: str([tuple(row) for row in await tx.fetch(f'SELECT * FROM "{table}"')]) for table in tables}
        reads = await tx.fetch("SELECT who, purpose FROM audit WHERE record_kind = 'join_request' ORDER BY id")
    for table, text in rows.items():
        assert EMAIL not in text, table
        assert link["maillage-join"] not in text, table
    assert request_id in rows["join_requests"]
    assert [(read["who"], read["purpose"]) for read in reads] == [("referrals", "notice")] * 2
    for _, event in await published(db, "join_request"):
        assert set(event) == {"join_request_id", "aggregate_version", "sandbox", "submitted_at", "expires_at"}


async def test_of_many_who_ask_at_once_one_is_shown_the_credentials(service: Service, db: Database) -> None:
    _, link = await approved(service)

    async with db.transaction() as tx:
        await tx.execute("SELECT 1 FROM join_requests FOR UPDATE")
        calls = [asyncio.create_task(service.http.post("/join-request/credentials", headers=link)) for _ in range(12)]
        # Two are at the row at once, whatever the machine does.
        await service.until(partial(some_wait, db))
    answers = await asyncio.gather(*calls)

    shown = [answer.json() for answer in answers if answer.status_code == 200]
    refused = [(answer.status_code, answer.json()["code"]) for answer in answers if answer.status_code != 200]
    assert (len(shown), refused) == (1, [(410, "already_shown")] * 11)
    assert (await service.token(shown[0]["client_id"], shown[0]["client_secret"])).status_code == 200
    async with db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM clients WHERE client_id LIKE 'cd93-%'") == 1


async def test_synthetic_events_are_in_one_stream_and_known_to_nobody_else(service: Service, db: Database) -> None:
    await service.organisation("asso1", "association")
    await service.organisation("cd94", collectivities=["94D"])
    _, link = await approved(service)
    given = (await service.http.post("/join-request/credentials", headers=link)).json()

    sent = await asyncio.gather(*(service.http.post("/join-request/test-event", headers=link) for _ in range(6)))

    assert sorted(one.json()["sequence"] for one in sent) == [1, 2, 3, 4, 5, 6]
    mine = await service.headers(given["client_id"], given["client_secret"])
    feed = (await service.http.get("/feed", headers=mine)).json()["events"]
    assert [event["id"] for event in feed] == [
        one["event_id"] for one in sorted((answer.json() for answer in sent), key=lambda one: one["sequence"])
    ]
    shown = (await service.http.get("/join-request", headers=link)).json()["test_events"]
    assert [one["sequence"] for one in shown] == [6, 5, 4, 3, 2]
    async with db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM known_referrals") == 0
        assert await tx.fetchval("SELECT count(*) FROM told_persons") == 0
        streams = await tx.fetch(
            "SELECT DISTINCT s.code FROM stream_events e JOIN partner_stream s USING (organisation_id)"
        )
        assert [row["code"] for row in streams] == ["cd93"]
        # Narrowed and widened again, nothing of it is taken back or shown anew.
    await service.call("PUT", "/organisations/cd93/territory", json={"communes": ["93048"]})
    await service.call("PUT", "/organisations/cd93/territory", json={"collectivities": ["93D"]})
    assert len((await service.http.get("/feed", headers=mine)).json()["events"]) == 6


async def test_every_kind_joins_and_receives_what_it_begins_with(service: Service) -> None:
    await receives(service, "association", "referrals.referral.submitted")
    await receives(service, "employment_service", "referrals.referral.submitted")
    await receives(service, "training_provider", "training.enrolment.requested")


async def receives(service: Service, kind: str, stem: str) -> None:
    code = f"nouveau{kind[0]}"
    _, link = await approved(service, code, kind=kind, language="en", territory={})
    given = (await service.http.post("/join-request/credentials", headers=link)).json()
    assert (await service.http.post("/join-request/test-event", headers=link)).status_code == 202

    mine = await service.headers(given["client_id"], given["client_secret"])
    [event] = (await service.http.get("/feed", headers=mine)).json()["events"]
    assert event["type"] == f"fr.maillage.{stem}.v1"
    own = (await service.call("GET", f"/organisations/{code}")).json()["organisation_id"]
    ids = {value for value in json.dumps(event["data"]).split('"') if len(value) == 36}
    assert own in ids
    assert all(one == own or one.startswith("7e577e57-") for one in ids)


async def test_sandbox_is_let_in_at_once_and_sees_no_real_place(service: Service, db: Database) -> None:
    await service.organisation("cd93", collectivities=["93D"])
    _, link = await asked(service, sandbox=True)

    confirmed = (await service.http.post("/join-request/confirmation", headers=link)).json()
    again = (await service.http.post("/join-request/confirmation", headers=link)).json()

    assert (confirmed["state"], confirmed["credentials_available"]) == ("approved", True)
    assert confirmed["organisation"]["code"].startswith("essai")
    assert again["organisation"] == confirmed["organisation"]
    assert [kind for kind, _ in await published(db, "join_request")] == ["submitted", "confirmed", "approved"]

    # Whoever comes second for the same place is not kept out: without a territory, in the sandbox all the same.
    _, link = await asked(service, sandbox=True, contact_email="autre@example.org")
    second = (await service.http.post("/join-request/confirmation", headers=link)).json()
    listed = {one["code"]: one for one in (await service.call("GET", "/organisations")).json()["items"]}
    first, other = (listed[answer["organisation"]["code"]] for answer in (confirmed, second))
    assert (first["sandbox"], other["sandbox"], listed["cd93"]["sandbox"]) == (True, True, False)
    assert first["territory"]["collectivities"] == ["93D"]
    assert not any(other["territory"].values())


async def test_refusals_name_the_field_and_repeat_nothing(service: Service) -> None:
    wrong: list[tuple[dict[str, Any], int, str, str]] = [
        ({"legal_number": "732 829 321"}, 422, "invalid_legal_number", "legal_number"),
        ({"legal_number": "35600000000049"}, 422, "invalid_legal_number", "legal_number"),
        ({"territory": {"communes": ["93999"]}}, 422, "invalid_territory", "territory.communes[0]"),
        ({"contact_email": "canari"}, 422, "validation_failed", "contact_email"),
        ({"email": "canari"}, 422, "validation_failed", "email"),
        ({"kind": "operator"}, 422, "validation_failed", "kind"),
    ]
    for changes, status, code, field in wrong:
        answer = await ask(service, **changes)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert "canari" not in answer.text
    nobody = {"maillage-join": "no such link"}
    for method, path in (
        ("GET", "/join-request"),
        ("POST", "/join-request/confirmation"),
        ("POST", "/join-request/credentials"),
        ("POST", "/join-request/test-event"),
    ):
        answer = await service.http.request(method, path, headers=nobody)
        assert (answer.status_code, answer.json()["code"]) == (404, "link_unknown")
    assert (await service.http.post("/join-requests", json=BODY)).json()["code"] == "idempotency_key_missing"
    assert (await ask(service, legal_number="356 000 000 00048")).status_code == 201


async def test_operators_answer_once_and_a_code_has_one_owner(service: Service, db: Database) -> None:
    await service.organisation("cd94", collectivities=["94D"])
    first, _ = await asked(service)
    early = await service.call("POST", f"/join-requests/{first}/approval", json={"code": "cd93"})
    assert (early.status_code, early.json()["code"]) == (409, "join_state")
    request_id, link = await asked(service)
    await service.http.post("/join-request/confirmation", headers=link)
    path = f"/join-requests/{request_id}/approval"

    taken = await service.call("POST", path, json={"code": "cd94"})
    ours = await service.call("POST", path, json={"code": "operator"})
    given = [await service.call("POST", path, json={"code": "cd93"}) for _ in range(2)]
    other = await service.call("POST", path, json={"code": "cd93b"})
    refused = [await service.call("POST", f"/join-requests/{first}/refusal", json={"reason": "Non."}) for _ in range(2)]

    assert (taken.status_code, taken.json()["code"]) == (ours.status_code, ours.json()["code"]) == (409, "code_taken")
    assert [answer.status_code for answer in given] == [200, 200]
    assert given[0].json() == given[1].json()
    assert (other.status_code, other.json()["code"]) == (409, "join_state")
    assert [answer.status_code for answer in refused] == [200, 200]
    assert (await service.call("GET", "/organisations/cd94")).json()["version"] == 1
    kinds = [kind for kind, _ in await published(db, "join_request")]
    assert kinds == ["submitted", "submitted", "confirmed", "approved", "refused"]


async def test_two_operators_who_give_one_code_at_once_make_one_organisation(service: Service, db: Database) -> None:
    paths = []
    for _ in range(2):
        request_id, link = await asked(service, kind="association", territory={})
        await service.http.post("/join-request/confirmation", headers=link)
        paths.append(f"/join-requests/{request_id}/approval")

    async with db.transaction() as tx:
        # Nobody is inside the gate before both are at it.
        await PostgresStreams(tx).enter_gate(alone=True)
        calls = [asyncio.create_task(service.call("POST", path, json={"code": "asso7"})) for path in paths]
        await service.until(partial(some_wait, db))
    answers = await asyncio.gather(*calls)

    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_requests_are_bounded_by_address_and_by_visitor(service: Service) -> None:
    same = str(uuid4())
    assert [(await ask(service, key=same)).status_code for _ in range(3)] == [201, 201, 201]
    for _ in range(4):
        assert (await ask(service)).status_code == 201
    full = await ask(service, contact_email=EMAIL.upper())
    assert (full.status_code, full.json()["code"]) == (429, "too_many_requests")

    portal = {**await service.headers("portal"), "maillage-visitor": "00112233445566aa"}
    statuses = []
    for n in range(31):
        body = {**BODY, "contact_email": f"poste{n}@departement.example"}
        headers = {**portal, "idempotency-key": str(uuid4())}
        statuses.append((await service.http.post("/join-requests", json=body, headers=headers)).status_code)
    assert statuses == [201] * 30 + [429]
    another = {**portal, "maillage-visitor": "00112233445566bb", "idempotency-key": str(uuid4())}
    body = {**BODY, "contact_email": "autre@departement.example"}
    assert (await service.http.post("/join-requests", json=body, headers=another)).status_code == 201
