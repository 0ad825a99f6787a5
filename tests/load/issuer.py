"""An issuer of access tokens for the HTTP arms: it publishes one key, and signs with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.testing.events import ASSOCIATION
from chassis.testing.tokens import ISSUER_URL, Issuer

__all__ = ["ISSUER_URL", "published", "token_of"]


@asynccontextmanager
async def published(issuer: Issuer) -> AsyncIterator[str]:
    """Serve the issuer's public key on a free port; give its address."""
    body = json.dumps({"keys": [issuer.key.as_dict(private=False)]})
    answer = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"connection: close\r\n\r\n{body}"
    ).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever asks may have given up meanwhile.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def token_of(issuer: Issuer) -> str:
    """Return an association's token, good for five minutes."""
    return issuer.token(ASSOCIATION, code="bench1", kind="association", scope="referrals:write referrals:read")
