"""Have an organisation's stream take some types only, from now on; nothing that it holds is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from partners.app.organisation_desk import Desk, apply_change
from partners.domain.errors import ChangedMeanwhile, NotFound
from partners.domain.organisation import PARTNERS, Organisation


async def choose_types(
    desk: Desk, code: str, event_types: tuple[str, ...] | None, at: datetime, version: int | None = None
) -> tuple[Organisation, bool]:
    """Take the types that an organisation asks for, None for all of its role; return it, and whether that is new.

    Raises NotFound; ChangedMeanwhile where `version` is given, is no more the organisation's, and its types are others.
    """
    # Alone: no event is being placed by the list of before while the new one is written.
    await desk.streams.enter_gate(alone=True)
    organisation = await desk.organisations.lock(code)
    if organisation is None or organisation.kind not in PARTNERS:
        raise NotFound
    if version not in (None, organisation.version) and event_types != organisation.details.event_types:
        raise ChangedMeanwhile
    details = replace(organisation.details, event_types=event_types)
    changed = await apply_change(desk, organisation, organisation.kind, details, at)
    return changed, changed is not organisation
