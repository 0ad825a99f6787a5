"""Let an organisation take part, or change what is known of it: the same request twice changes nothing.

The first organisation of the sandbox brings the simulators with it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chassis.ids import new_id
from partners.app.adjust_scope import adjust_scope
from partners.app.check_territory import check_territory
from partners.app.open_sandbox import open_sandbox
from partners.app.organisation_desk import Desk, apply_change, refuse_shared_jurisdiction
from partners.domain.errors import CodeReserved
from partners.domain.organisation import Details, Kind, Organisation, register


async def register_organisation(
    desk: Desk,
    code: str,
    kind: Kind,
    details: Details,
    at: datetime,
    sandbox: bool | None = None,
    *,
    keeps_types: bool = False,
) -> tuple[Organisation, bool]:
    """Return the organisation, and whether it is new. `sandbox` left out: as it is; a new one is real.

    With `keeps_types`, one that is here already keeps the types that it asks for.
    """
    if any(code == one.code for one in desk.simulators):
        raise CodeReserved
    details = replace(details, territory=check_territory(details.territory, kind))
    # The gate also keeps two first registrations of one code apart.
    await desk.streams.enter_gate(alone=True)
    organisation = await desk.organisations.lock(code)
    if organisation is not None:
        if keeps_types:
            details = replace(details, event_types=organisation.details.event_types)
        return await apply_change(desk, organisation, kind, details, at, sandbox), False
    if sandbox:
        await open_sandbox(desk, at)
    organisation, fact = register(
        new_id(), code, kind, details, correlation_id=new_id(), at=at, sandbox=sandbox or False
    )
    event_id = new_id()
    await refuse_shared_jurisdiction(desk, organisation)
    await desk.organisations.add(organisation)
    await desk.streams.open(organisation)
    await desk.publisher.publish(fact, event_id=event_id)
    await adjust_scope(desk.streams, desk.referrals, desk.events, organisation, cause=event_id, joining=True, at=at)
    return organisation, True
