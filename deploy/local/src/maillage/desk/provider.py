"""`POST /sms-api/messages`: the API of the simulated provider of text messages."""

from __future__ import annotations

import hmac
import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from maillage.desk.sms import Refused

BODY_BYTES_MAX = 20_000


async def take(request: Request) -> Response:
    """Answer 202 for a new message, 200 for a reference known already, else a problem document."""
    desk = request.app.state.desk
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), desk.settings.sms_token.encode()):
        return _problem(401, "unauthenticated")
    body = await request.body()
    try:
        document = json.loads(body) if len(body) <= BODY_BYTES_MAX else None
    except ValueError:
        document = None
    try:
        message, new = desk.messages.accept(document, desk.clock.now())
    except Refused as refused:
        return _problem(refused.status, refused.code)
    if new:
        request.app.state.receipts.due(message)
    return JSONResponse({"id": message.id, "segments": message.segments}, 202 if new else 200)


def _problem(status: int, code: str) -> Response:
    return JSONResponse(
        {"type": "about:blank", "status": status, "code": code}, status, media_type="application/problem+json"
    )
