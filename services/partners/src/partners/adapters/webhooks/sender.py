"""One signed request to a receiver, within ten seconds whatever it does.

The deadline covers everything: name, connection, TLS, and the answer to its end, so that bytes that drip are cut.
Little of an answer is read and less is kept. Every receiver has connections of its own.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

import httpcore
import httpx
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from standardwebhooks import Webhook as StandardWebhook

from chassis.clock import SystemClock
from chassis.tracing import current, read_traceparent, tracer, write_traceparent
from partners.adapters.webhooks.addresses import (
    AddressForbidden,
    CheckedNetwork,
    NameUnknown,
    Resolver,
    system_resolver,
)
from partners.app.webhook_ports import Message
from partners.domain.webhook import Answer, outcome_of, shown

DEADLINE_SECONDS: Final = 10.0
ANSWER_BYTES_MAX: Final = 16_384
"""More of an answer is not read: its status has said what matters."""

CONNECTIONS_EACH: Final = 4
KEEP_ALIVE_SECONDS: Final = 30.0
POOLS_MAX: Final = 512
"""Receivers whose connections are kept open; the one used longest ago makes room."""

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
USER_AGENT: Final = "Maillage-Webhooks/1"

_MACHINE: Final = SystemClock()
"""What receivers compare with: the machine's own time, not one that tests move."""


class HttpSender:
    """Implements Sender. `loopback` allows this machine's own addresses, for the embedded stack and tests."""

    def __init__(
        self,
        *,
        loopback: bool,
        resolver: Resolver = system_resolver,
        deadline_seconds: float = DEADLINE_SECONDS,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._trusted = trusted
        self._network = CheckedNetwork(resolver, loopback=loopback)
        self._deadline = deadline_seconds
        self._pools: OrderedDict[str, httpcore.AsyncConnectionPool] = OrderedDict()

    async def post(self, url: str, secrets: Sequence[str], message: Message) -> tuple[Answer, bytes]:
        creation = read_traceparent(message.traceparent)
        span = tracer().start_span(
            "deliver webhook",
            kind=SpanKind.CLIENT,
            links=[Link(creation)] if creation is not None else None,
            attributes={
                "http.request.method": "POST",
                "messaging.operation.name": "deliver",
                "messaging.message.id": message.message_id,
            },
        )
        with current(span):
            headers = signed_headers(secrets, message)
            context = write_traceparent(span.get_span_context())
            if context is not None:
                headers.append((b"traceparent", context.encode()))
            started = time.monotonic()
            answer, body = await self._within_deadline(url, headers, message.body)
            if answer.status is not None:
                span.set_attribute("http.response.status_code", answer.status)
            if not answer.delivered:
                span.set_attribute("error.type", answer.outcome)
                span.set_status(Status(StatusCode.ERROR))
        took = round((time.monotonic() - started) * 1000)
        return Answer(answer.outcome, answer.status, took, shown(body), answer.retry_after), body

    async def close(self) -> None:
        """Close every connection; the next request opens its own."""
        while self._pools:
            await self._pools.popitem()[1].aclose()

    async def _within_deadline(self, url: str, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[Answer, bytes]:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchange(url, headers, body)
        except AddressForbidden:
            return Answer("address"), b""
        except NameUnknown:
            return Answer("dns"), b""
        except (TimeoutError, httpcore.TimeoutException):
            return Answer("timeout"), b""
        except httpcore.ConnectError as error:
            return Answer(
                "tls" if isinstance(error.__cause__ or error.__context__, ssl.SSLError) else "connection"
            ), b""
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError):
            return Answer("connection"), b""

    async def _exchange(self, url: str, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[Answer, bytes]:
        found = bytearray()
        pool = await self._pool_of(url)
        async with pool.stream("POST", url, headers=headers, content=body) as response:
            async for chunk in response.aiter_stream():
                found += chunk
                if len(found) >= ANSWER_BYTES_MAX:
                    break
            rest = _retry_after(response.headers)
        return Answer(outcome_of(response.status), response.status, retry_after=rest), bytes(found[:ANSWER_BYTES_MAX])

    async def _pool_of(self, url: str) -> httpcore.AsyncConnectionPool:
        pool = self._pools.pop(url, None)
        if pool is None:
            pool = httpcore.AsyncConnectionPool(
                ssl_context=self._trusted or _trusted(),
                max_connections=CONNECTIONS_EACH,
                max_keepalive_connections=CONNECTIONS_EACH,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
                network_backend=self._network,
            )
        self._pools[url] = pool
        if len(self._pools) > POOLS_MAX:
            await self._close_idle()
        return pool

    async def _close_idle(self) -> None:
        for url, pool in list(self._pools.items()):
            if all(connection.is_idle() for connection in pool.connections):
                del self._pools[url]
                await pool.aclose()
                return


def signed_headers(secrets: Sequence[str], message: Message) -> list[tuple[bytes, bytes]]:
    """Return the headers of Standard Webhooks, with one signature for each live secret."""
    now = _MACHINE.now()
    text = message.body.decode()
    signatures = " ".join(StandardWebhook(secret).sign(message.message_id, now, text) for secret in secrets)
    return [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"user-agent", USER_AGENT.encode()),
        (b"webhook-id", message.message_id.encode()),
        (b"webhook-timestamp", str(int(now.timestamp())).encode()),
        (b"webhook-signature", signatures.encode()),
        (b"content-length", str(len(message.body)).encode()),
    ]


def challenge_answered(body: bytes, challenge: str) -> bool:
    """Say whether an answer gives the challenge back: as JSON `{"challenge": …}` or as the text alone."""
    try:
        text = body.decode("utf-8").strip()
        if text == challenge:
            return True
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("challenge") == challenge


def _retry_after(headers: Sequence[tuple[bytes, bytes]]) -> int | None:
    text = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("ascii", "ignore")
    text = text.strip()
    if text.isdigit():
        return int(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return round((at.replace(tzinfo=at.tzinfo or UTC) - _MACHINE.now()).total_seconds())


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
