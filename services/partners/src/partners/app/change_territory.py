"""Give an organisation another territory; its stream follows in the same transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from partners.app.check_territory import check_territory
from partners.app.organisation_desk import Desk, apply_change
from partners.domain.errors import NotFound
from partners.domain.organisation import PARTNERS, Organisation, Territory


async def change_territory(desk: Desk, code: str, territory: Territory, at: datetime) -> Organisation:
    """Give an organisation another territory; raises NotFound."""
    await desk.streams.enter_gate(alone=True)
    organisation = await desk.organisations.lock(code)
    if organisation is None or organisation.kind not in PARTNERS:
        raise NotFound
    details = replace(organisation.details, territory=check_territory(territory, organisation.kind))
    return await apply_change(desk, organisation, organisation.kind, details, at)
