"""The portal with its stores in memory and the services behind a MockTransport: no socket, no server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from portal.adapters.csrf import csrf_of
from portal.domain.draft import Draft
from portal.domain.errors import NotFound, ServiceSilent
from portal.domain.member import Kind, Member, Session
from portal.domain.plan import PlanDraft
from portal.main import compose
from portal.settings import PortalSettings

VOLUNTEER = Member(UUID(int=1), "Bénévole A", "entraide", "Entraide Exemple", Kind.ASSOCIATION)
CASEWORKER = Member(UUID(int=2), "Travailleuse sociale B", "cd93", "Conseil de l’Exemple", Kind.COUNCIL)
ADVISER = Member(UUID(int=3), "Conseiller C", "ft93", "Service de l’emploi", Kind.EMPLOYMENT_SERVICE)
REFERRAL_ID = UUID(int=7)


class MemorySessions:
    def __init__(self) -> None:
        self.open_now: dict[str, tuple[Member, datetime]] = {}
        self.silent = False

    async def open(self, member: Member, *, now: datetime, expires_at: datetime) -> str:
        token = f"session-{uuid4()}"
        self.open_now[token] = (member, expires_at)
        return token

    async def find(self, token: str, *, now: datetime) -> Session | None:
        if self.silent:
            raise ServiceSilent("portal")
        if token not in self.open_now:
            return None
        member, expires_at = self.open_now[token]
        return Session(member, csrf_of(token), expires_at) if expires_at > now else None

    async def close(self, token: str) -> None:
        self.open_now.pop(token, None)


class MemoryDrafts:
    def __init__(self) -> None:
        self.kept: dict[UUID, tuple[Draft, datetime]] = {}

    async def read(self, draft_id: UUID, member_id: UUID, *, now: datetime) -> Draft:
        if draft_id not in self.kept or self.kept[draft_id][0].member_id != member_id:
            raise NotFound
        return self.kept[draft_id][0]

    async def change(self, draft_id: UUID, member_id: UUID, edit: Callable[[Draft], Draft], *, now: datetime) -> Draft:
        draft, _ = self.kept.get(draft_id, (Draft(draft_id, member_id), now))
        if draft.member_id != member_id:
            raise NotFound
        self.kept[draft_id] = (edit(draft), now)
        return self.kept[draft_id][0]

    async def unsent(self, member_id: UUID, *, now: datetime) -> Sequence[tuple[UUID, datetime]]:
        return [(key, at) for key, (draft, at) in self.kept.items() if draft.referral_id is None]

    async def discard(self, draft_id: UUID, member_id: UUID) -> None:
        self.kept.pop(draft_id, None)


class MemoryPlanDrafts:
    def __init__(self) -> None:
        self.kept: dict[tuple[UUID, UUID], tuple[PlanDraft, datetime]] = {}

    async def read(
        self, accompaniment_id: UUID, member_id: UUID, *, now: datetime
    ) -> tuple[PlanDraft, datetime] | None:
        return self.kept.get((accompaniment_id, member_id))

    async def change(
        self, accompaniment_id: UUID, member_id: UUID, edit: Callable[[PlanDraft], PlanDraft], *,
        new: PlanDraft, now: datetime,
    ) -> PlanDraft:  # fmt: skip
        draft, _ = self.kept.get((accompaniment_id, member_id), (new, now))
        self.kept[accompaniment_id, member_id] = (edit(draft), now)
        return self.kept[accompaniment_id, member_id][0]

    async def discard(self, accompaniment_id: UUID, member_id: UUID) -> None:
        self.kept.pop((accompaniment_id, member_id), None)


def referral_document(**values: object) -> dict[str, object]:
    """Return what the referrals service answers about one referral."""
    return {
        "referral_id": str(REFERRAL_ID),
        "status": "submitted",
        "version": 1,
        "commune": {"code": "93048", "name": "Montreuil"},
        "themes": ["logement-hebergement--louer-un-logement"],
        "submitted_at": "2026-11-20T09:00:00Z",
        "changed_at": "2026-11-20T09:00:00Z",
        "council": {"code": "cd93", "name": "Conseil de l’Exemple", "phone": "+33199001234", "postal_address": "1 rue"},
        "referrer": {"code": "entraide", "name": "Entraide Exemple", "phone": None, "postal_address": None},
        "person_name": "Camille Exemple",
        "person": {
            "first_name": "Camille", "last_name": "Exemple", "birth_date": "1988-05-03",
            "phone": None, "email": None, "address": None,
        },
        "note": None,
        "history": [{"at": "2026-11-20T09:00:00Z", "status": "submitted", "by": "referrer", "organisation_name": "E"}],
        "allowed": ["receipt", "review", "decline"],
        "subject_ref": None,
        **values,
    }  # fmt: skip


@dataclass
class Services:
    """The services' answers, and what they were asked."""

    answers: dict[tuple[str, str], tuple[int, object]] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path
        if path == "/oauth/token":
            subject = parse_qs(request.content.decode()).get("subject_token", ["portal"])[0]
            return httpx.Response(200, json={"access_token": f"token of {subject}", "expires_in": 300})
        status, body = self.answers.get((request.method, path), (404, {"code": "not_found"}))
        if isinstance(body, httpx.AsyncByteStream):
            return httpx.Response(status, stream=body)
        return httpx.Response(status, json=body)

    def bodies(self, method: str, path: str) -> list[object]:
        return [json.loads(r.content or b"null") for r in self.asked if (r.method, r.url.path) == (method, path)]

    def asked_for(self, method: str, path: str) -> list[httpx.Request]:
        return [r for r in self.asked if (r.method, r.url.path) == (method, path)]


def settings_with(folder: Path, **values: object) -> PortalSettings:
    """Return settings of a test portal."""
    key, secret = folder / "master.key", folder / "client.secret"
    key.write_text("A" * 43 + "=", encoding="ascii")
    secret.write_text("not a secret", encoding="ascii")
    return PortalSettings.model_validate(
        {
            "stack": "test", "http_port": 8000, "database_dsn": "postgresql://nobody@127.0.0.1:1/none",
            "partners_url": "http://partners", "referrals_url": "http://referrals",
            "registration_url": "http://registration", "training_url": "http://training",
            "token_url": "http://partners/oauth/token", "client_id": "portal", "client_secret_file": secret,
            "master_key_file": key, "demo_login": True, **values,
        }
    )  # fmt: skip


@dataclass
class Portal:
    """A browser without a window, before the portal's own application."""

    app: FastAPI
    services: Services
    sessions: MemorySessions
    drafts: MemoryDrafts
    plan_drafts: MemoryPlanDrafts
    browser: httpx.AsyncClient
    token: str = ""

    async def sign_in(self, member: Member) -> str:
        """Sign in, and return what forms must carry."""
        now = self.app.state.shell.clock.now()
        self.token = await self.sessions.open(member, now=now, expires_at=now.replace(year=now.year + 1))
        self.browser.cookies.set("maillage_session", self.token)
        return csrf_of(self.token)

    async def post(self, path: str, fields: Mapping[str, str | list[str]], *, origin: bool = True) -> httpx.Response:
        headers = {"Origin": "http://portal.test"} if origin else {}
        return await self.browser.post(path, data=dict(fields), headers=headers)


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Portal]:
    services, sessions, drafts, plan_drafts = Services(), MemorySessions(), MemoryDrafts(), MemoryPlanDrafts()
    async with httpx.AsyncClient(transport=httpx.MockTransport(services.handle)) as client:
        app = compose(settings_with(tmp_path), client)
        app.state.shell = replace(app.state.shell, sessions=sessions, drafts=drafts, plan_drafts=plan_drafts)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://portal.test", headers={"Accept": "text/html"}
        ) as browser:
            yield Portal(app, services, sessions, drafts, plan_drafts, browser)
        await app.state.shell.hub.close()
