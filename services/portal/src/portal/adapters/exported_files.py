"""The events of a period as a file, handed on as the partners service writes it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx

from portal.adapters.access import Access
from portal.adapters.calls import Route
from portal.domain.errors import ServiceSilent
from portal.domain.member import Member
from portal.domain.period import Period

SERVICE = "partners"
TIMEOUT = httpx.Timeout(30.0, connect=2.0, pool=3.0)
"""Between two parts of a file, not for the whole of it: two years may take minutes."""


class ExportedFiles:
    """Implements StreamFiles: never more than a part of the file is here at once."""

    def __init__(self, access: Access, partners_url: str) -> None:
        self._access = access
        self._partners = partners_url.rstrip("/")

    async def open(self, member: Member, period: Period, form: str) -> AsyncGenerator[bytes, None]:
        params = {"format": form, "from": period.first.isoformat(), "to": period.last.isoformat()}
        route = Route(SERVICE, "GET", self._partners, "/feed/export")
        return _parts(await self._access.open_stream(route, member, params=params, timeout=TIMEOUT))


async def _parts(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    try:
        async for part in response.aiter_bytes():
            yield part
    except httpx.HTTPError:
        raise ServiceSilent(SERVICE) from None
    finally:
        await response.aclose()
