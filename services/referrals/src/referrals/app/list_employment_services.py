"""List the employment services that could be asked about somebody who lives in a commune."""

from __future__ import annotations

from collections.abc import Sequence

from referrals.app.ports import Organisation, Organisations, Places


async def list_employment_services(
    commune: str, *, sandbox: bool, places: Places, organisations: Organisations
) -> Sequence[Organisation]:
    """Return those of the caller's world, by code. Raises UnknownCommune or CommuneMerged."""
    authority = places.authority_over(places.find(commune).code)
    return await organisations.employment_services(authority.code, sandbox=sandbox)
