"""Everything about an organisation as a partner, made together."""

from __future__ import annotations

import httpx

from portal.adapters.access import Access
from portal.adapters.exported_files import ExportedFiles
from portal.adapters.http.once import ShownOnce
from portal.adapters.http.shell import Partnership
from portal.adapters.joining import JoinLinks
from portal.adapters.partner_desk import OwnRoutes, PartnerDesk
from portal.adapters.places import OfficialPlaces
from portal.adapters.stream_types import StreamTypesService
from portal.adapters.webhook_desk import WebhookService


def partnership(client: httpx.AsyncClient, access: Access, partners_url: str) -> Partnership:
    """Return what the pages of organisations and operators are made with."""
    routes = OwnRoutes(access, partners_url)
    desk = PartnerDesk(routes)
    return Partnership(
        join=JoinLinks(client, access, partners_url),
        operators=desk,
        access=desk,
        webhooks=WebhookService(routes),
        types=StreamTypesService(routes),
        files=ExportedFiles(access, partners_url),
        places=OfficialPlaces(),
        once=ShownOnce(),
    )
