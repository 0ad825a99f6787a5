"""The types that an organisation's stream takes, over HTTP with its manager's own access or an operator's."""

from __future__ import annotations

from collections.abc import Sequence

from portal.adapters.answers import Answer, read_as
from portal.adapters.calls import json_object
from portal.adapters.partner_desk import SERVICE, OwnRoutes
from portal.domain.member import Member
from portal.domain.stream_types import StreamTypes


class _Types(Answer):
    event_types: list[str] | None = None
    always: list[str]
    available: list[str]
    version: int = 0

    def types(self) -> StreamTypes:
        chosen = None if self.event_types is None else tuple(self.event_types)
        return StreamTypes(chosen, tuple(self.always), tuple(self.available), self.version)


class StreamTypesService:
    """Implements TypesDesk."""

    def __init__(self, routes: OwnRoutes) -> None:
        self._routes = routes

    async def types(self, member: Member, code: str) -> StreamTypes:
        return read_as(_Types, await self._routes.read(member, code, "/event-types"), SERVICE).types()

    async def choose(self, member: Member, code: str, types: Sequence[str] | None, version: int) -> StreamTypes:
        body = {"event_types": None if types is None else list(types), "version": version}
        answer = json_object(await self._routes.call(member, "PUT", code, "/event-types", json=body), SERVICE)
        return read_as(_Types, answer, SERVICE).types()
