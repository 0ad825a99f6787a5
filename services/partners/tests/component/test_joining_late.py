"""Requests to join end by themselves, and with them what is known of whoever asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from chassis.clock import MovableClock
from chassis.db import Database

BODY: dict[str, Any] = {
    "name": "Association d’exemple",
    "legal_number": "732829320",
    "kind": "association",
    "territory": {},
    "phone": "01 99 00 00 01",
    "postal_address": "1 rue de l’Exemple",
    "contact_email": "contact@association.example",
}


async def test_unconfirmed_and_unanswered_requests_expire_and_addresses_are_forgotten(
    run_partners: Any, db: Database
) -> None:
    clock = MovableClock(datetime(2026, 11, 24, 14, 0, tzinfo=UTC))
    async with run_partners(clock=clock) as service:

        async def asked() -> tuple[str, dict[str, str]]:
            answer = await service.http.post("/join-requests", json=BODY, headers={"idempotency-key": str(uuid4())})
            request_id = answer.json()["join_request_id"]
            [found] = await reachable(request_id)
            return request_id, {"maillage-join": found["link"]}

        async def reachable(*ids: str) -> list[dict[str, Any]]:
            headers = {**await service.headers("referrals"), "maillage-purpose": "notice"}
            params = [("id", one) for one in ids]
            answer = await service.http.get("/claims/join-requests", params=params, headers=headers)
            found: list[dict[str, Any]] = answer.json()["items"]
            return found

        async def told(*kinds: str) -> bool:
            async with db.connection() as tx:
                rows = await tx.fetch("SELECT type FROM outbox WHERE type LIKE '%join_request%' ORDER BY position")
            return [row["type"].split(".")[-2] for row in rows][3:] == list(kinds)

        async def forgotten(*ids: str) -> bool:
            return all(one["gone"] and one["email"] is None for one in await reachable(*ids))

        never, confirmed, let_in = [await asked() for _ in range(3)]
        for _, link in (confirmed, let_in):
            await service.http.post("/join-request/confirmation", headers=link)
        await service.call("POST", f"/join-requests/{let_in[0]}/approval", json={"code": "asso7"})
        assert await told("confirmed", "confirmed", "approved")

        clock.advance(timedelta(days=3))
        late = await service.http.post("/join-request/confirmation", headers=never[1])
        assert late.status_code in (409, 410)
        assert (await service.http.get("/join-request", headers=never[1])).json()["state"] == "expired"
        await service.until(lambda: told("confirmed", "confirmed", "approved", "expired"))
        await service.until(lambda: forgotten(never[0]))
        assert not await forgotten(confirmed[0])

        clock.advance(timedelta(days=27))
        await service.until(lambda: forgotten(let_in[0]))
        shown = await service.http.post("/join-request/credentials", headers=let_in[1])
        assert (shown.status_code, shown.json()["code"]) == (410, "link_expired")
        assert (await service.http.get("/join-request", headers=let_in[1])).json()["state"] == "approved"

        clock.advance(timedelta(days=30))
        await service.until(lambda: told("confirmed", "confirmed", "approved", "expired", "expired"))
        await service.until(lambda: forgotten(confirmed[0]))
        async with db.connection() as tx:
            assert await tx.fetchval("SELECT count(*) FROM timers") == 0
