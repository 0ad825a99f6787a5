"""The official geography behind the `Places` port."""

from __future__ import annotations

import territory
from training.app.ports import Place
from training.domain.errors import CommuneMerged, UnknownCommune


class OfficialPlaces:
    """Communes of the official geographic code."""

    def find(self, code: str) -> Place:
        """Return the commune."""
        try:
            found = territory.commune(code)
        except territory.MergedCommune as error:
            raise CommuneMerged(error.successor.code, error.successor.name) from None
        except territory.UnknownCommune:
            raise UnknownCommune from None
        return Place(found.code, found.name)


def place_named(code: str) -> Place:
    """Return a stored commune with its name; one that has merged since keeps its code and gets its successor's name."""
    try:
        return Place(code, territory.commune(code).name)
    except territory.MergedCommune as error:
        return Place(code, error.successor.name)
    except territory.UnknownCommune:
        return Place(code, code)
