"""Whether this process lives, and whether it can do its work.

A check is called at each question and must not wait: it reads what a loop has noted. It returns None when all is well,
else a reason without personal data or secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from chassis.version import version


class Health:
    """Named checks, and the two routes that show them: /health/live and /health/ready."""

    def __init__(self, service: str) -> None:
        self._identity = {"service": service, "version": version()}
        self._checks: dict[str, Callable[[], str | None]] = {}
        self._notes: dict[str, Callable[[], str | None]] = {}
        self.router = APIRouter(prefix="/health", include_in_schema=False)
        self.router.add_api_route("/live", self.live, methods=["GET"])
        self.router.add_api_route("/ready", self.ready, methods=["GET"])

    def register(self, name: str, check: Callable[[], str | None]) -> None:
        """Add a check, or replace the one of that name."""
        self._checks[name] = check

    def note(self, name: str, check: Callable[[], str | None]) -> None:
        """Add a check that is shown but keeps nobody out: HTTP goes on while Kafka is away."""
        self._notes[name] = check

    def report(self) -> dict[str, Any]:
        """Return the document that /health/ready shows."""
        found = {name: check() for name, check in self._checks.items()}
        return {
            **self._identity,
            "ready": all(reason is None for reason in found.values()),
            "checks": {name: reason or "ok" for name, reason in found.items()},
            "notes": {name: said for name, check in self._notes.items() if (said := check()) is not None},
        }

    async def live(self) -> dict[str, str]:
        """Answer that the process runs."""
        return self._identity

    async def ready(self) -> JSONResponse:
        """Answer 200 when every check is well, else 503 with the reasons."""
        report = self.report()
        return JSONResponse(report, 200 if report["ready"] else 503, headers={"cache-control": "no-store"})
