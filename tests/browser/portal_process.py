"""The portal before the fake services, in one process: `python portal_process.py PORT`.

Sessions and drafts are kept in memory; everything else is the portal's own code, its application included.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import httpx
import uvicorn
from fake_services import create_fake
from fastapi import FastAPI

from portal.adapters.csrf import csrf_of
from portal.domain.draft import Draft
from portal.domain.errors import NotFound
from portal.domain.member import Member, Session
from portal.main import compose
from portal.settings import PortalSettings


class MemorySessions:
    def __init__(self) -> None:
        self._open: dict[str, tuple[Member, datetime]] = {}

    async def open(self, member: Member, *, now: datetime, expires_at: datetime) -> str:
        token = f"session-{len(self._open)}-{now.timestamp()}"
        self._open[token] = (member, expires_at)
        return token

    async def find(self, token: str, *, now: datetime) -> Session | None:
        member, expires_at = self._open.get(token, (None, now))
        return Session(member, csrf_of(token), expires_at) if member and expires_at > now else None

    async def close(self, token: str) -> None:
        self._open.pop(token, None)


class MemoryDrafts:
    def __init__(self) -> None:
        self._drafts: dict[UUID, tuple[Draft, datetime]] = {}

    async def read(self, draft_id: UUID, member_id: UUID) -> Draft:
        draft, _ = self._drafts.get(draft_id, (None, None))
        if draft is None or draft.member_id != member_id:
            raise NotFound
        return draft

    async def change(self, draft_id: UUID, member_id: UUID, edit: Callable[[Draft], Draft], *, now: datetime) -> Draft:
        draft, _ = self._drafts.get(draft_id, (Draft(draft_id, member_id), now))
        self._drafts[draft_id] = (edit(draft), now)
        return self._drafts[draft_id][0]

    async def unsent(self, member_id: UUID) -> Sequence[tuple[UUID, datetime]]:
        return [
            (key, at)
            for key, (draft, at) in self._drafts.items()
            if draft.member_id == member_id and draft.referral_id is None
        ]

    async def discard(self, draft_id: UUID, member_id: UUID) -> None:
        self._drafts.pop(draft_id, None)


class MemoryCursors:
    async def load(self, organisation_code: str) -> str:
        return ""

    async def save(self, organisation_code: str, cursor: str) -> None:
        return None


def build(port: int, folder: Path) -> FastAPI:
    """Return the portal's application, the fake's controls beside it."""
    key, secret = folder / "master.key", folder / "client.secret"
    key.write_text("A" * 43 + "=", encoding="ascii")
    secret.write_text("not a secret", encoding="ascii")
    settings = PortalSettings(
        stack="test",
        http_port=port,
        database_dsn="postgresql://nobody@127.0.0.1:1/none",
        partners_url="http://services.test",
        referrals_url="http://services.test",
        token_url="http://services.test/oauth/token",
        client_id="portal",
        client_secret_file=secret,
        master_key_file=key,
        demo_login=True,
    )
    fake = create_fake()
    client = httpx.AsyncClient(transport=httpx.ASGITransport(fake))
    app = compose(settings, client)
    app.state.shell = replace(app.state.shell, sessions=MemorySessions(), drafts=MemoryDrafts())
    app.mount("/fake", fake)
    return app


if __name__ == "__main__":
    port = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        uvicorn.run(build(port, Path(folder)), host="127.0.0.1", port=port, log_config=None, access_log=False, loop="uvloop")
