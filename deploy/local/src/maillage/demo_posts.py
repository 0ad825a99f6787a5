"""The demonstration's posts beside those who answer referrals: who manages a council's access, and an operator.

They are what the portal's pages for organisations and operators are shown to. Idempotent: the same label and role again
is the same member.
"""

from __future__ import annotations

from maillage.api import Client

POSTS = (
    ("cd93", "manager", "Responsable des accès d'exemple (93)"),
    ("operator", "operator", "Opératrice d'exemple"),
)
"""Organisation, role, label."""


async def add_posts(operator: Client, partners_url: str) -> None:
    """Add them as the operator; the organisations are there."""
    for code, role, label in POSTS:
        await operator.post(f"{partners_url}/organisations/{code}/members", {"role": role, "label": label})
