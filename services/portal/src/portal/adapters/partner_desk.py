"""Organisations' programs and members, and what operators decide, over HTTP with the member's own access."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import Field

from portal.adapters.access import Access
from portal.adapters.answers import Answer, read_as
from portal.adapters.calls import Route, json_object
from portal.domain.errors import NotFound
from portal.domain.joining import JoinRequest
from portal.domain.member import Member
from portal.domain.partner import ApiClient, KafkaUser, Post, Secret, ShownSecret

SERVICE = "partners"
REQUESTS_SHOWN = 100
KAFKA_OPEN = ("requested", "granted")
"""States of an access to Kafka that does not end."""


class SecretAnswer(Answer):
    secret_id: str
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    def secret(self) -> Secret:
        return Secret(self.secret_id, self.created_at, self.expires_at, self.last_used_at)


class _Client(Answer):
    client_id: str
    scopes: list[str] = Field(default_factory=list)
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    secrets: list[SecretAnswer] = Field(default_factory=list)

    def client(self) -> ApiClient:
        secrets = tuple(one.secret() for one in self.secrets)
        return ApiClient(self.client_id, tuple(self.scopes), self.created_at, self.last_used_at, secrets)


class _Clients(Answer):
    items: list[_Client]


class _NewSecret(Answer):
    client_id: str = ""
    client_secret: str = Field(min_length=1)


class _Kafka(Answer):
    username: str
    topic: str = ""
    state: str = ""
    ready: bool = False
    password_lost: bool = False
    password: str = ""


class _Post(Answer):
    member_id: str
    role: str
    label: str


class _Posts(Answer):
    items: list[_Post]


class _Request(Answer):
    join_request_id: str
    state: str
    name: str
    kind: str
    legal_number: str = ""
    phone: str = ""
    postal_address: str = ""
    email: str | None = None
    sandbox: bool = False
    language: str = ""
    territory: dict[str, list[str]] = Field(default_factory=dict)
    asked_at: datetime | None = None
    confirmed_at: datetime | None = None
    suggested_code: str | None = None
    refusal_reason: str | None = None

    def request(self) -> JoinRequest:
        territory = {field: tuple(codes) for field, codes in self.territory.items()}
        return JoinRequest(
            self.join_request_id, self.state, self.name, self.kind, self.legal_number, self.phone, self.postal_address,
            self.sandbox, self.language, territory, self.asked_at, self.confirmed_at, self.suggested_code or "",
            self.refusal_reason or "", self.email or "",
        )  # fmt: skip


class _Requests(Answer):
    items: list[_Request]


class _Organisation(Answer):
    code: str
    name: str
    kind: str


class _Organisations(Answer):
    items: list[_Organisation]


class OwnRoutes:
    """Calls about a member's own organisation, or about the one that `code` names, which operators may."""

    def __init__(self, access: Access, partners_url: str) -> None:
        self._access = access
        self._url = partners_url.rstrip("/")

    async def call(
        self, member: Member, method: str, code: str, template: str, *ids: str, **options: Any
    ) -> httpx.Response:
        """Call `template`, whose `{}` the ids fill; spans carry the template only."""
        before, prefix = ("/organisations/{code}", f"/organisations/{quote(code, safe='')}") if code else ("", "")
        path = template.format(*(quote(one, safe="") for one in ids))
        route = Route(SERVICE, method, self._url, before + template.replace("{}", "{id}"), prefix + path)
        return await self._access.call(route, member, **options)

    async def read(self, member: Member, code: str, template: str, *ids: str, **options: Any) -> dict[str, Any]:
        return json_object(await self.call(member, "GET", code, template, *ids, **options), SERVICE)


class PartnerDesk:
    """Implements AccessDesk and OperatorDesk."""

    def __init__(self, routes: OwnRoutes) -> None:
        self._routes = routes

    async def clients(self, member: Member, code: str) -> Sequence[ApiClient]:
        found = read_as(_Clients, await self._routes.read(member, code, "/clients"), SERVICE)
        return [one.client() for one in found.items]

    async def new_client(self, member: Member, code: str) -> ShownSecret:
        response = await self._routes.call(member, "POST", code, "/clients")
        made = read_as(_NewSecret, json_object(response, SERVICE), SERVICE)
        return ShownSecret(made.client_id, made.client_secret)

    async def new_secret(self, member: Member, code: str, client_id: str, overlap_hours: int) -> ShownSecret:
        body = {"overlap_hours": overlap_hours}
        response = await self._routes.call(member, "POST", code, "/clients/{}/secrets", client_id, json=body)
        return ShownSecret(client_id, read_as(_NewSecret, json_object(response, SERVICE), SERVICE).client_secret)

    async def end_secret(self, member: Member, code: str, client_id: str, secret_id: str) -> None:
        await self._routes.call(member, "DELETE", code, "/clients/{}/secrets/{}", client_id, secret_id)

    async def revoke(self, member: Member, code: str, client_id: str) -> None:
        await self._routes.call(member, "DELETE", code, "/clients/{}", client_id)

    async def kafka(self, member: Member, code: str) -> KafkaUser | None:
        try:
            found = read_as(_Kafka, await self._routes.read(member, code, "/kafka-access"), SERVICE)
        except NotFound:
            return None
        if found.state not in KAFKA_OPEN:
            return None
        return KafkaUser(found.username, found.topic, found.ready, found.password_lost)

    async def new_kafka_password(self, member: Member, code: str) -> ShownSecret:
        response = await self._routes.call(member, "POST", code, "/kafka-access/password")
        made = read_as(_Kafka, json_object(response, SERVICE), SERVICE)
        return ShownSecret(made.username, made.password)

    async def members(self, member: Member, code: str) -> Sequence[Post]:
        # `GET /members` without a code is the organisation's own for whoever manages it.
        found = read_as(_Posts, await self._routes.read(member, code, "/members"), SERVICE)
        return [Post(one.member_id, one.role, one.label) for one in found.items]

    async def add_member(self, member: Member, code: str, role: str, label: str) -> None:
        await self._routes.call(member, "POST", code, "/members", json={"role": role, "label": label})

    async def change_member(self, member: Member, code: str, member_id: str, role: str, label: str) -> None:
        body = {"role": role, "label": label}
        await self._routes.call(member, "PUT", code, "/members/{}", member_id, json=body)

    async def remove_member(self, member: Member, code: str, member_id: str) -> None:
        await self._routes.call(member, "DELETE", code, "/members/{}", member_id)

    async def requests(self, member: Member, state: str) -> Sequence[JoinRequest]:
        params: dict[str, str | int] = {"state": state, "limit": REQUESTS_SHOWN}
        found = read_as(_Requests, await self._routes.read(member, "", "/join-requests", params=params), SERVICE)
        return [one.request() for one in found.items]

    async def request(self, member: Member, request_id: str) -> JoinRequest:
        answer = await self._routes.read(member, "", "/join-requests/{}", request_id)
        return read_as(_Request, answer, SERVICE).request()

    async def approve(self, member: Member, request_id: str, code: str) -> None:
        template = "/join-requests/{}/approval"
        await self._routes.call(member, "POST", "", template, request_id, json={"code": code})

    async def refuse(self, member: Member, request_id: str, reason: str) -> None:
        template = "/join-requests/{}/refusal"
        await self._routes.call(member, "POST", "", template, request_id, json={"reason": reason})

    async def organisations(self, member: Member) -> Sequence[tuple[str, str, str]]:
        found = read_as(_Organisations, await self._routes.read(member, "", "/organisations"), SERVICE)
        return [(one.code, one.name, one.kind) for one in found.items]

    async def organisation(self, member: Member, code: str) -> tuple[str, str]:
        found = read_as(_Organisation, await self._routes.read(member, "", "/organisations/{}", code), SERVICE)
        return found.name, found.kind
