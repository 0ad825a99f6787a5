"""The official geography, as the form asks it."""

from __future__ import annotations

from collections.abc import Sequence

import territory
from portal.domain.commune import Answer, Authority, Commune, Found, Merged, Nothing, Several
from territory import AmbiguityReason, Ambiguous, MergedCommune, NotFound, UnknownCommune


class OfficialCommunes:
    """Implements Communes."""

    def find(self, text: str) -> Answer:
        answer = territory.resolve(text)
        if isinstance(answer, territory.Commune):
            return Found(_commune(answer))
        if isinstance(answer, NotFound):
            return Nothing(tuple(_commune(one) for one in answer.suggestions))
        return _choice(answer)

    def by_code(self, code: str) -> Commune | None:
        try:
            return _commune(territory.commune(code))
        except (UnknownCommune, MergedCommune):
            return None

    def authority(self, code: str) -> Authority | None:
        try:
            commune = territory.commune(code)
        except MergedCommune as error:
            commune = error.successor
        except UnknownCommune:
            return None
        found = territory.jurisdiction(commune)
        return Authority(found.code, found.name)

    def suggest(self, text: str, limit: int) -> Sequence[Commune]:
        return [_commune(one) for one in territory.search(text, limit=limit)]


def _choice(answer: Ambiguous) -> Answer:
    communes = tuple(_commune(one) for one in answer.candidates)
    return Merged(communes) if answer.reason is AmbiguityReason.MERGED else Several(communes)


def _commune(found: territory.Commune) -> Commune:
    return Commune(found.code, found.name, found.departement, territory.departement_name(found.departement) or "")
