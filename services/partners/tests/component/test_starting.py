"""How a process starts: its first clients, its replicas, and a database that is not there yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from chassis.db import Database

Run: TypeAlias = Callable[..., Any]
"""conftest.running on this test's database: test folders are no packages."""


async def test_first_clients_follow_their_file_and_revoked_ones_stay_revoked(
    run_partners: Run, db: Database, tmp_path: Path
) -> None:
    async with run_partners():
        pass
    path = tmp_path / "clients.json"
    clients = json.loads(path.read_bytes())
    clients[0]["secret_sha256"] = hashlib.sha256(b"another secret").hexdigest()
    path.write_text(json.dumps(clients))
    async with db.transaction() as tx:
        await tx.execute("UPDATE clients SET revoked_at = now() WHERE client_id = 'portal'")

    async with run_partners() as service:
        assert (await service.token("operator")).status_code == 401
        assert (await service.token("operator", "another secret")).status_code == 200
        assert (await service.token("portal")).status_code == 401

    async with db.connection() as tx:
        kinds = await tx.fetch("SELECT code, kind FROM organisations ORDER BY code")
        assert [tuple(row) for row in kinds] == [
            ("operator", "operator"),
            ("portal", "service"),
            ("referrals", "service"),
        ]
        assert await tx.fetchval("SELECT count(*) FROM outbox") == 0


async def test_two_replicas_start_on_one_database_and_believe_each_others_tokens(run_partners: Run) -> None:
    async with run_partners(instance="0") as one, run_partners(instance="1") as other:
        headers = await one.headers("operator")

        assert (await other.http.get("/organisations", headers=headers)).status_code == 200


async def test_process_answers_and_says_why_when_its_database_is_away(tmp_path: Path, run_partners: Run) -> None:
    running = run_partners.func  # type: ignore[attr-defined]  # a partial of conftest.running
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"

    async with running(nowhere, tmp_path, when_ready=False) as service:
        ready = await service.http.get("/health/ready")
        token = await service.token("operator")
        keys = await service.http.get("/.well-known/jwks.json")

    assert ready.status_code == 503
    assert ready.json()["checks"]["bootstrap_clients"] != "ok"
    assert (token.status_code, token.json()["code"]) == (503, "temporarily_unavailable")
    assert keys.status_code == 200
