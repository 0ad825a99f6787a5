"""Seeding the demonstration: idempotent, and whole again after the file or the database was lost."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from maillage.demo import Demo, Seed
from maillage.errors import Refusal
from maillage.secrets import Secrets
from maillage.settings import LocalSettings


class FakePartners:
    """The few routes of `partners` that seeding uses, with its promises: secrets once, PUT idempotent."""

    def __init__(self, operator_secret: str) -> None:
        self.clients = {"operator": operator_secret}
        self.access: dict[str, str] = {}
        self.organisations: dict[str, dict[str, Any]] = {}
        self.members: dict[str, list[dict[str, Any]]] = {}
        self.calls: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/oauth/token":
            return self._token(request)
        assert request.headers["authorization"] == "Bearer token-of-operator"
        self.calls.append((request.method, path))
        if path == "/organisations":
            return httpx.Response(200, json={"items": list(self.organisations.values())})
        code, _, what = path.removeprefix("/organisations/").partition("/")
        body = json.loads(request.content or b"{}")
        if what.startswith("clients"):
            return self._clients(request.method, code, what)
        if what == "members":
            return self._members(request.method, code, body)
        if what == "webhooks":
            return httpx.Response(200, json={"items": []})
        if what == "kafka-access":
            return self._kafka(request.method, code)
        self.organisations[code] = {**body, "organisation_id": f"id-{code}", "code": code}
        return httpx.Response(200, json=self.organisations[code])

    def _clients(self, method: str, code: str, what: str) -> httpx.Response:
        if method == "DELETE":
            del self.clients[what.rpartition("/")[2]]
            return httpx.Response(204)
        if method == "GET":
            return httpx.Response(405)
        client_id = f"{code}-{len(self.calls)}"
        self.clients[client_id] = f"secret-{client_id}"
        return httpx.Response(201, json={"client_id": client_id, "client_secret": self.clients[client_id]})

    def _members(self, method: str, code: str, body: dict[str, Any]) -> httpx.Response:
        members = self.members.setdefault(code, [])
        if method == "GET":
            return httpx.Response(200, json={"items": members})
        members.append({**body, "member_id": f"{code}-{body['label']}"})
        return httpx.Response(201, json=members[-1])

    def _token(self, request: httpx.Request) -> httpx.Response:
        assert parse_qs(request.content.decode())["grant_type"] == ["client_credentials"]
        for known, secret in self.clients.items():
            right = base64.b64encode(f"{known}:{secret}".encode()).decode()
            if request.headers["authorization"] == f"Basic {right}":
                return httpx.Response(200, json={"access_token": f"token-of-{known}", "expires_in": 300})
        return httpx.Response(401, json={"error": "invalid_client", "error_description": ""})

    def _kafka(self, method: str, code: str) -> httpx.Response:
        document: dict[str, Any] = {"topic": f"partner-{code}-v1", "ready": True, "state": "granted"}
        if method == "DELETE":
            self.access[code] = "revoked"
        elif method == "PUT" and self.access.get(code) != "granted":
            self.access[code] = "granted"
            document["password"] = "shown-once"
        elif code not in self.access:
            return httpx.Response(404, json={"code": "not_found"})
        document["state"] = self.access[code]
        document["ready"] = self.access[code] == "granted"
        return httpx.Response(200, json=document)


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    (tmp_path / "run").mkdir()
    return LocalSettings(data_dir=tmp_path)


@pytest.fixture
def partners(settings: LocalSettings) -> FakePartners:
    secret = Secrets(settings.secrets_dir).client_secret_file("operator").read_text().strip()
    return FakePartners(secret)


async def seed(settings: LocalSettings, partners: FakePartners) -> Demo:
    demo = Demo.load(settings)
    async with httpx.AsyncClient(transport=httpx.MockTransport(partners)) as http:
        await Seed(settings, Secrets(settings.secrets_dir), http, demo).run()
    demo.save()
    return demo


async def test_every_organisation_has_what_a_client_needs_when_seeded(
    settings: LocalSettings, partners: FakePartners
) -> None:
    demo = await seed(settings, partners)

    assert demo.organisations.keys() == {"asso1", "cd93", "cd94", "ft93", "of93"}
    for code, organisation in demo.organisations.items():
        assert organisation["api"]["client_secret"] == partners.clients[organisation["api"]["client_id"]]
        assert organisation["members"]
        assert ("kafka" in organisation) == (code in {"cd93", "cd94", "ft93"})
    assert demo.organisations["cd93"]["kafka"]["password"] == "shown-once"
    assert stat.S_IMODE(demo.path.stat().st_mode) == 0o600


async def test_nothing_is_created_when_seeded_again(settings: LocalSettings, partners: FakePartners) -> None:
    before = await seed(settings, partners)
    partners.calls.clear()

    after = await seed(settings, partners)

    assert after.organisations == before.organisations
    assert {method for method, _ in partners.calls} == {"GET"}


async def test_client_is_made_again_when_database_forgot_it(settings: LocalSettings, partners: FakePartners) -> None:
    before = (await seed(settings, partners)).organisations["cd93"]["api"]["client_id"]
    del partners.clients[before]

    after = await seed(settings, partners)

    assert after.organisations["cd93"]["api"]["client_id"] in partners.clients


async def test_client_is_made_again_when_an_earlier_version_gave_it_less(
    settings: LocalSettings, partners: FakePartners
) -> None:
    demo = await seed(settings, partners)
    before = dict(demo.organisations["cd93"]["api"])
    demo.organisations["cd93"]["api"]["scopes"] = ["feed:read"]
    demo.save()

    after = (await seed(settings, partners)).organisations["cd93"]["api"]

    assert after["client_id"] != before["client_id"]
    assert after["scopes"] == before["scopes"]


async def test_kafka_access_is_made_again_when_its_password_was_lost(
    settings: LocalSettings, partners: FakePartners
) -> None:
    (await seed(settings, partners)).path.unlink()

    after = await seed(settings, partners)

    assert ("DELETE", "/organisations/cd93/kafka-access") in partners.calls
    assert after.organisations["cd93"]["kafka"]["password"] == "shown-once"
    assert after.organisations["cd93"]["kafka"]["ready"] is True


async def test_refusal_names_the_code_and_no_value_when_api_refuses(settings: LocalSettings) -> None:
    with pytest.raises(Refusal) as refusal:
        await seed(settings, FakePartners("another secret"))

    assert "401 invalid_client" in refusal.value.sentence
    assert (
        Secrets(settings.secrets_dir).client_secret_file("operator").read_text().strip() not in refusal.value.sentence
    )
