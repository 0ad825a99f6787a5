"""The package that programs read events with, from the installation itself: no index of packages has it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from portal.adapters.contracts_wheel import contracts_wheel
from portal.adapters.http.browser import shell_of
from portal.domain.errors import NotFound

router = APIRouter()

ADDRESS = "/contrats"


def package_address(request: Request) -> str:
    """Return where pip finds the package, with the SHA-256 by which it checks what it was given."""
    wheel = contracts_wheel()
    base = (shell_of(request).public_url or str(request.base_url)).rstrip("/")
    return f"{base}{ADDRESS}/{wheel.filename}#sha256={wheel.sha256}"


@router.get(f"{ADDRESS}/{{filename}}", include_in_schema=False)
async def package(filename: str) -> Response:
    wheel = contracts_wheel()
    if filename != wheel.filename:
        raise NotFound
    # Its name holds the version alone: an installation that is brought up to date may give other bytes under it.
    headers = {"Cache-Control": "no-cache", "ETag": f'"{wheel.sha256}"', "X-Content-Type-Options": "nosniff"}
    return Response(wheel.body, media_type="application/octet-stream", headers=headers)
