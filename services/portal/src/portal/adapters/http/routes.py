"""Every route of the portal, in the order they are tried: those with a fixed word before those that take any."""

from __future__ import annotations

from portal.adapters.http import (
    access,
    accompaniments,
    agenda,
    appointments,
    assets,
    drafts,
    entrance,
    events,
    files,
    join_link,
    joining,
    live,
    members,
    moving,
    package,
    person,
    plan,
    proposal,
    referrals,
    requests,
    stream_types,
    webhooks,
)

ROUTERS = tuple(
    module.router
    for module in (
        assets, entrance, events, package, joining, join_link, person, drafts, live, proposal, moving, referrals, plan,
        agenda, appointments, accompaniments, requests, access, members, webhooks, stream_types, files,
    )
)  # fmt: skip
