"""Whether an answer that takes long may go on: its token holds at the start, and may end or be revoked meanwhile."""

from __future__ import annotations

from fastapi import Request

from chassis.errors import DependencyDown
from chassis.problems import Problem

LOOK_SECONDS = 5
"""How often a long answer looks: with the two seconds of the directory a revocation takes less than ten."""


async def refuse_ended(request: Request) -> None:
    """Raise the Problem with which the request's own token is refused by now; return while it holds."""
    token = request.headers["authorization"].partition(" ")[2].strip()
    await request.app.state.runtime.tokens.verify(token)


async def still_allowed(request: Request) -> bool:
    """Say whether the request's own token holds still; not, where nobody can tell."""
    try:
        await refuse_ended(request)
    except (Problem, DependencyDown):
        return False
    return True
