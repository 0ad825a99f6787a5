"""The portal's own style, script and icon: named after their content, so that a browser keeps each for a year."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
DIGEST_CHARS = 12

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    media_type: str
    url: str


def load_assets() -> dict[str, Asset]:
    """Read every file of `static/` once."""
    found: dict[str, Asset] = {}
    for entry in files("portal").joinpath("static").iterdir():
        name, _, ending = entry.name.rpartition(".")
        if ending in KINDS:
            body = entry.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:DIGEST_CHARS]
            found[entry.name] = Asset(body, KINDS[ending], f"/static/{digest}/{name}.{ending}")
    return found


@router.get("/static/{digest}/{name}", include_in_schema=False)
async def asset(request: Request, digest: str, name: str) -> Response:
    found = request.app.state.shell.assets.get(name)
    if found is None or found.url != f"/static/{digest}/{name}":
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(found.body, media_type=found.media_type, headers=headers)
