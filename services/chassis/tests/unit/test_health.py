"""What the two health routes say."""

from __future__ import annotations

import httpx
from fastapi import FastAPI

from chassis.health import Health
from chassis.version import version


async def test_readiness_follows_its_checks_and_liveness_does_not() -> None:
    reasons: dict[str, str | None] = {"database": None, "kafka": "not connected yet"}
    health = Health("referrals")
    for name in reasons:
        health.register(name, lambda name=name: reasons[name])  # type: ignore[misc]  # a default binds the loop's name
    app = FastAPI()
    app.include_router(health.router)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        waiting = await client.get("/health/ready")
        reasons["kafka"] = None
        ready = await client.get("/health/ready")
        live = await client.get("/health/live")

    assert (waiting.status_code, ready.status_code, live.status_code) == (503, 200, 200)
    assert waiting.json() == {
        "service": "referrals",
        "version": version(),
        "ready": False,
        "checks": {"database": "ok", "kafka": "not connected yet"},
        "notes": {},
    }
    assert ready.json()["ready"] is True
    assert waiting.headers["cache-control"] == "no-store"
