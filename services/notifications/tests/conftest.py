"""What stands around a notifications service: a mail server, registration's claim check, an SMS gateway.

They speak the protocols themselves, on ports of their own. What they keep is what a test looks at; `away` and `answers`
are how they fail.
"""

from __future__ import annotations

import asyncio
import email.policy
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
import uvicorn
from aiosmtpd.smtp import SMTP
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from maillage.testing.servers import free_ports

TOKEN = "made-up-sms-token"


@dataclass
class Post:
    """A mail server that keeps one message per Message-ID and recipient, however often it is handed over."""

    kept: dict[tuple[str, str], EmailMessage] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)
    handed_over: Counter[str] = field(default_factory=Counter)
    answers: dict[str, list[str]] = field(default_factory=dict)
    """By recipient, what to answer to `RCPT TO`, one after the other; `sender` is for `MAIL FROM`."""
    port: int = 0
    _server: asyncio.Server | None = None

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802  # aiosmtpd's name
        if self.answers.get("sender"):
            return self.answers["sender"].pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802  # aiosmtpd's name
        if self.answers.get(address):
            return self.answers[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        message = BytesParser(policy=email.policy.default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.raw.append(envelope.content)
        self.handed_over[str(message["Message-ID"])] += 1
        for recipient in envelope.rcpt_tos:
            self.kept[str(message["Message-ID"]), recipient] = message
        return "250 kept"

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.port = self.port or free_ports(1)[0]
        self._server = await loop.create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, ident="test", loop=loop), "127.0.0.1", self.port
        )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def to(self, recipient: str) -> list[EmailMessage]:
        return [message for (_, to), message in self.kept.items() if to == recipient]

    def texts(self, recipient: str) -> list[str]:
        found = self.to(recipient)
        return [f"{message['Subject']}\n\n{message.get_content()}".replace("\r\n", "\n") for message in found]


@dataclass
class Neighbours:
    """Registration and the SMS gateway, and what they were asked."""

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    questions: list[tuple[list[str], list[str], str]] = field(default_factory=list)
    registration_away: bool = False
    applicants: dict[str, dict[str, Any]] = field(default_factory=dict)
    partners_away: bool = False
    texts: dict[str, dict[str, Any]] = field(default_factory=dict)
    handed_over: Counter[str] = field(default_factory=Counter)
    busy: Counter[str] = field(default_factory=Counter)
    gateway_answers: list[int] = field(default_factory=list)
    spans: list[bytes] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/oauth/token")
        async def token() -> dict[str, Any]:
            return {"access_token": "made-up", "expires_in": 300}

        @app.post("/v1/traces")
        async def traces(request: Request) -> dict[str, Any]:
            self.spans.append(await request.body())
            return {}

        @app.get("/claims/contacts")
        async def contacts(request: Request) -> Any:
            asked = request.query_params.getlist("id")
            self.questions.append(
                (asked, request.query_params.getlist("appointment"), request.headers["maillage-purpose"])
            )
            if self.registration_away:
                return JSONResponse({}, 503)
            return {"items": [self.contacts[id_] for id_ in asked if id_ in self.contacts]}

        @app.get("/claims/join-requests")
        async def applicants(request: Request) -> Any:
            asked = request.query_params.getlist("id")
            self.questions.append((asked, [], request.headers["maillage-purpose"]))
            if self.partners_away:
                return JSONResponse({}, 503)
            return {"items": [self.applicants[id_] for id_ in asked if id_ in self.applicants]}

        @app.post("/sms-api/messages")
        async def messages(request: Request) -> JSONResponse:
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
            body = await request.json()
            reference, to = body["reference"], body["to"]
            self.handed_over[reference] += 1
            if self.gateway_answers:
                return JSONResponse({}, self.gateway_answers.pop(0))
            if to.endswith("97") and self.busy[reference] < 2:
                self.busy[reference] += 1
                return JSONResponse({}, 503)
            known = reference in self.texts
            self.texts.setdefault(reference, body | {"id": f"sms-{len(self.texts)}"})
            return JSONResponse({"id": self.texts[reference]["id"], "segments": 1}, 200 if known else 202)

        return app


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)  # uvicorn rings no bell
    try:
        yield
    finally:
        server.should_exit = True
        await task


@dataclass
class Edge:
    """What stands around the service."""

    post: Post
    neighbours: Neighbours
    url: str
    token: str = TOKEN


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    post, neighbours, (port,) = Post(), Neighbours(), free_ports(1)
    await post.open()
    async with serving(neighbours.app(), port):
        yield Edge(post, neighbours, f"http://127.0.0.1:{port}")
    await post.close()
