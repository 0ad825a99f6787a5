"""An organisation manages its own clients, secrets and members; operators those of anybody."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg

from chassis.clock import MovableClock
from chassis.db import Database
from chassis.migrate import HISTORY, migrate, migrations_of

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
MEMBER = "urn:maillage:member"
START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
OLD_CLIENT = """
INSERT INTO organisations VALUES
    (gen_random_uuid(), 'asso1', 'association', 'A', '1', 'a', '{}', 1, gen_random_uuid(), now());
INSERT INTO partner_stream SELECT organisation_id, code, 'partner-asso1-v1', kind FROM organisations;
INSERT INTO clients (client_id, organisation_id, secret_sha256, scopes, created_at)
SELECT 'asso1-old', organisation_id, sha256('secret-of-asso1-old'), '{feed:read}', now() FROM organisations;
INSERT INTO members (member_id, organisation_id, role, label, created_at)
SELECT gen_random_uuid(), organisation_id, 'volunteer', 'Bénévole', now() FROM organisations;
"""
"""As the version before wrote them."""


class Own:
    """An organisation's own client, and what it asks with it."""

    def __init__(self, service: Service, code: str, made: dict[str, Any]) -> None:
        self.service, self.code = service, code
        self.client_id, self.secret = made["client_id"], made["client_secret"]

    async def call(self, method: str, path: str, **options: Any) -> Any:
        headers = await self.service.headers(self.client_id, self.secret)
        return await self.service.http.request(method, path, headers=headers, **options)

    async def opens(self, secret: str) -> bool:
        return bool((await self.service.token(self.client_id, secret)).status_code == 200)


def grant_of(answer: Any) -> str:
    """Return on what a token was issued."""
    claims = answer.json()["access_token"].split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["grant"])


async def own(service: Service, code: str, kind: str = "association") -> Own:
    await service.organisation(code, kind)
    return Own(service, code, (await service.call("POST", f"/organisations/{code}/clients")).json())


async def test_two_secrets_open_until_the_older_one_ends(run_partners: Any, db: Database) -> None:
    clock = MovableClock(START)
    async with run_partners(clock=clock) as service:
        mine = await own(service, "asso1")
        path = f"/clients/{mine.client_id}/secrets"
        new = await mine.call("POST", path, json={"overlap_hours": 2, "lifetime_days": 1})
        assert new.status_code == 201
        assert new.headers["cache-control"] == "no-store"
        third = await mine.call("POST", path)
        assert (third.status_code, third.json()["code"]) == (409, "too_many_secrets")
        assert await mine.opens(mine.secret)
        assert await mine.opens(new.json()["client_secret"])

        clock.advance(timedelta(hours=1, minutes=58))
        # No token outlives its secret.
        assert (await service.token(mine.client_id, mine.secret)).json()["expires_in"] == 120
        clock.advance(timedelta(minutes=2))
        assert not await mine.opens(mine.secret)
        mine.secret = new.json()["client_secret"]
        [listed] = (await mine.call("GET", "/clients")).json()["items"]
        assert [one["secret_id"] for one in listed["secrets"]] == [new.json()["secret_id"]]
        assert mine.secret not in str(listed)
        # An overlap never lengthens a life: this one ends after a day whatever is asked.
        newest = (await mine.call("POST", path, json={"overlap_hours": 48})).json()
        assert newest["expires_at_of_older"].startswith("2026-11-25T14:00:00")
        clock.advance(timedelta(hours=22))
        assert not await mine.opens(mine.secret)
        assert await mine.opens(newest["client_secret"])
        async with db.connection() as tx:
            assert mine.secret not in str([dict(row) for row in await tx.fetch("SELECT * FROM client_secrets")])
            acts = [row["purpose"] for row in await tx.fetch("SELECT purpose FROM audit ORDER BY id")]
        assert acts == ["secret.created"] * 2


async def test_use_is_noted_once_a_minute_and_written_no_more_than_that(run_partners: Any, db: Database) -> None:
    clock = MovableClock(START)

    async def row() -> Any:
        async with db.connection() as tx:
            return await tx.fetchrow(
                "SELECT xmin::text, last_used_at FROM client_secrets WHERE client_id = $1", mine.client_id
            )

    async with run_partners(clock=clock) as service:
        mine = await own(service, "asso1")
        assert (await row())["last_used_at"] is None
        await asyncio.gather(*(mine.opens(mine.secret) for _ in range(20)))
        first = await row()
        clock.advance(timedelta(seconds=59))
        await asyncio.gather(*(mine.opens(mine.secret) for _ in range(20)))
        assert await row() == first
        assert first["last_used_at"] == START

        clock.advance(timedelta(seconds=1))
        await mine.opens("not the secret")
        assert await row() == first
        await mine.opens(mine.secret)
        [listed] = (await mine.call("GET", "/clients")).json()["items"]
        assert listed["last_used_at"] == listed["secrets"][0]["last_used_at"] == "2026-11-24T14:01:00Z"


async def test_a_secret_is_revoked_alone_and_never_the_last_one(service: Service, db: Database) -> None:
    mine = await own(service, "asso1")
    [listed] = (await mine.call("GET", "/clients")).json()["items"]
    path, old = f"/clients/{mine.client_id}/secrets", listed["secrets"][0]["secret_id"]
    last = await mine.call("DELETE", f"{path}/{old}")
    assert (last.status_code, last.json()["code"]) == (409, "last_secret")
    new = (await mine.call("POST", path)).json()

    assert (await mine.call("DELETE", f"{path}/{old}")).status_code == 204

    assert not await mine.opens(mine.secret)
    assert await mine.opens(new["client_secret"])
    async with db.connection() as tx:
        [event] = await tx.fetch("SELECT payload FROM outbox WHERE type LIKE '%access.ended%'")
    assert old.encode() in event["payload"]
    mine.secret = new["client_secret"]
    assert (await mine.call("DELETE", f"{path}/{old}")).status_code == 404


async def test_another_organisation_s_clients_and_members_are_nobody_s(service: Service) -> None:
    mine, other = await own(service, "asso1"), await own(service, "asso2")
    member = (await other.call("POST", "/members", json={"role": "volunteer", "label": "Bénévole"})).json()
    [listed] = (await other.call("GET", "/clients")).json()["items"]
    secret = listed["secrets"][0]["secret_id"]
    for method, path, body in (
        ("POST", f"/clients/{other.client_id}/secrets", {}),
        ("DELETE", f"/clients/{other.client_id}/secrets/{secret}", None),
        ("DELETE", f"/clients/{other.client_id}", None),
        ("PUT", f"/members/{member['member_id']}", {"role": "manager", "label": "Bénévole"}),
        ("DELETE", f"/members/{member['member_id']}", None),
        ("DELETE", f"/members/{uuid4()}", None),
    ):
        answer = await mine.call(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert [one["client_id"] for one in (await mine.call("GET", "/clients")).json()["items"]] == [mine.client_id]
    assert (await mine.call("GET", "/members")).json()["items"] == []
    assert await other.opens(other.secret)


async def test_members_are_changed_and_removed_and_a_manager_stays(service: Service, db: Database) -> None:
    mine = await own(service, "cd93", "council")
    manager = (await mine.call("POST", "/members", json={"role": "manager", "label": "Responsable"})).json()
    worker = (await mine.call("POST", "/members", json={"role": "caseworker", "label": "Poste 1"})).json()

    async def exchanged(member: dict[str, Any]) -> Any:
        form = {"grant_type": EXCHANGE, "subject_token": member["member_id"], "subject_token_type": MEMBER}
        return await service.token("portal", **form)

    assert (await exchanged(manager)).json()["scope"] == "feed:read organisation:manage webhooks:manage"
    assert "referrals:answer" in (await exchanged(worker)).json()["scope"]
    demoted = await mine.call("PUT", f"/members/{manager['member_id']}", json={"role": "adviser", "label": "Conseil"})
    removed = await mine.call("DELETE", f"/members/{manager['member_id']}")
    assert [(one.status_code, one.json()["code"]) for one in (demoted, removed)] == [(409, "last_manager")] * 2
    taken = await mine.call("PUT", f"/members/{worker['member_id']}", json={"role": "adviser", "label": "Responsable"})
    assert (taken.status_code, taken.json()["code"]) == (409, "label_taken")
    wrong = await mine.call("POST", "/members", json={"role": "operator", "label": "Poste 2"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "role")

    of_before = grant_of(await exchanged(worker))
    renamed = await mine.call("PUT", f"/members/{worker['member_id']}", json={"role": "caseworker", "label": "Poste A"})
    promoted = await mine.call("PUT", f"/members/{worker['member_id']}", json={"role": "manager", "label": "Poste A"})
    same = await mine.call("PUT", f"/members/{worker['member_id']}", json={"role": "manager", "label": "Poste A"})
    assert [one.status_code for one in (renamed, promoted, same)] == [200, 200, 200]
    assert grant_of(await exchanged(worker)) != of_before, "tokens of the new role are not refused with the old one's"
    assert (await exchanged(worker)).json()["scope"] == "feed:read organisation:manage webhooks:manage"
    assert (await mine.call("DELETE", f"/members/{manager['member_id']}")).status_code == 204
    assert (await exchanged(manager)).status_code == 400
    by_operator = await service.call("DELETE", f"/organisations/cd93/members/{worker['member_id']}")
    assert by_operator.status_code == 204
    async with db.connection() as tx:
        payloads = await tx.fetch("SELECT payload FROM outbox WHERE type LIKE '%access.ended%' ORDER BY position")
        ended = [json.loads(row["payload"])["grant_id"] for row in payloads]
        acts = [row["purpose"] for row in await tx.fetch("SELECT purpose FROM audit ORDER BY id")]
    assert len(set(ended)) == 3, "one for the promotion, two for those who left; a new label ends nothing"
    assert ended[0] == of_before
    assert acts == ["member.added"] * 2 + ["member.changed"] * 3 + ["member.removed"] * 2


async def test_two_managers_who_remove_each_other_at_once_are_not_both_gone(service: Service) -> None:
    mine = await own(service, "asso1")
    made = [
        (await mine.call("POST", "/members", json={"role": "manager", "label": f"Responsable {n}"})).json()
        for n in range(2)
    ]
    answers = await asyncio.gather(*(mine.call("DELETE", f"/members/{one['member_id']}") for one in made))

    assert sorted(answer.status_code for answer in answers) == [204, 409]


async def test_operators_have_members_of_their_own(service: Service) -> None:
    body = {"role": "operator", "label": "Astreinte"}
    made = await service.call("POST", "/organisations/operator/members", json=body)
    assert made.status_code == 201
    form = {"grant_type": EXCHANGE, "subject_token": made.json()["member_id"], "subject_token_type": MEMBER}
    assert (await service.token("portal", **form)).json()["scope"] == "operations"
    refused = await service.call("POST", "/organisations/operator/members", json={**body, "role": "manager"})
    assert (refused.status_code, refused.json()["code"]) == (422, "role_not_allowed")


async def test_clients_of_before_open_as_they_did_and_manage_nothing(
    database: Any, run_partners: Any, tmp_path: Path
) -> None:
    """A database of the version before is brought to this one: its client keeps its secret and its scopes."""
    dsn = await database(None)
    admin = await asyncpg.connect(dsn)
    await admin.execute(HISTORY)
    for one in migrations_of("partners"):
        if one.package == "partners" and one.name < "0005":
            await admin.execute(one.sql)
            await admin.execute(
                "INSERT INTO migrations (package, name, sha256) VALUES ($1, $2, $3)", one.package, one.name, one.sha256
            )
    await admin.execute(OLD_CLIENT)
    await admin.close()
    await migrate(dsn, "partners")

    async with run_partners.func(dsn, tmp_path) as service:
        headers = await service.headers("asso1-old")
        assert (await service.http.get("/feed", headers=headers)).status_code == 200
        for method, path in (("GET", "/clients"), ("GET", "/members"), ("POST", "/clients/asso1-old/secrets")):
            assert (await service.http.request(method, path, headers=headers)).status_code == 403
        [listed] = (await service.call("GET", "/organisations/asso1/clients")).json()["items"]
        [member] = (await service.call("GET", "/organisations/asso1/members")).json()["items"]
        form = {"grant_type": EXCHANGE, "subject_token": member["member_id"], "subject_token_type": MEMBER}
        assert (await service.token("portal", **form)).json()["scope"] == "feed:read referrals:read referrals:write"
    assert (listed["scopes"], len(listed["secrets"])) == (["feed:read"], 1)
