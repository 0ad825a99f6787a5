"""Every route of the portal, in the order they are tried: those with a fixed word before those that take any."""

from __future__ import annotations

from portal.adapters.http import (
    accompaniments,
    agenda,
    appointments,
    assets,
    drafts,
    entrance,
    events,
    join_link,
    joining,
    live,
    person,
    plan,
    proposal,
    referrals,
)

ROUTERS = tuple(
    module.router
    for module in (
        assets, entrance, events, joining, join_link, person, drafts, live, proposal, referrals, plan, agenda,
        appointments, accompaniments,
    )
)  # fmt: skip
