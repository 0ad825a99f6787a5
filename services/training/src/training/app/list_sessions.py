"""List the sessions that can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from training.app.ports import Dossiers, Organisation, Organisations, Position
from training.domain.session import Session


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Which part of the list, in which world."""

    theme: str | None
    commune: str | None
    sandbox: bool
    after: Position | None
    limit: int


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Part of the list; `following` is where to read on, None at the end."""

    sessions: tuple[Session, ...]
    following: Position | None
    providers: Mapping[UUID, Organisation]


async def list_sessions(
    asked: ListSessions, *, dossiers: Dossiers, organisations: Organisations, now: datetime
) -> SessionPage:
    """Return a page, the soonest first."""
    found = await dossiers.upcoming(
        now,
        theme=asked.theme,
        commune=asked.commune,
        sandbox=asked.sandbox,
        after=asked.after,
        limit=asked.limit + 1,
    )
    shown = tuple(found[: asked.limit])
    providers = await organisations.named({session.organisation_id for session in shown})
    following = None
    if len(found) > asked.limit:
        following = Position(shown[-1].programme.starts_at, shown[-1].session_id)
    return SessionPage(shown, following, providers)
