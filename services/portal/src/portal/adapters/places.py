"""A territory as an organisation types it: one place a line, by official code or by the name of a commune.

The kinds of code cannot be mistaken for one another: a SIREN has nine digits, a commune's code five signs, and where a
département's number also is a collectivity's (975 and overseas) both are the same communes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import territory
from portal.domain.joining import Place, PlaceTrouble, TerritoryRead, lines_of
from territory import AmbiguityReason, MergedCommune, UnknownCollectivity, UnknownCommune

CODE = re.compile(r"^(?:[0-9]{9}|[0-9][0-9AB][0-9]{3}|[0-9][0-9AB][0-9]?|[0-9]{2,3}[A-Z]|6AE)$")
NEAR_MAX = 4


class OfficialPlaces:
    """Implements Places."""

    def read(self, text: str) -> TerritoryRead:
        found = [place_of(line) for line in lines_of(text)]
        places = dict.fromkeys(one for one in found if isinstance(one, Place))
        return TerritoryRead(tuple(places), tuple(one for one in found if isinstance(one, PlaceTrouble)))

    def names(self, codes: Mapping[str, tuple[str, ...]]) -> tuple[Place, ...]:
        """Return the official names of the places in the four lists; a code without one stands for itself."""
        return tuple(
            Place(field, code, _name(field, code)) for field, listed in codes.items() for code in listed
        )  # fmt: skip


def place_of(typed: str) -> Place | PlaceTrouble:
    """Return the place that a line names, or why it names none."""
    code = typed.upper().replace(" ", "")
    if not CODE.match(code):
        return _by_name(typed)
    for field in ("departements", "collectivities", "epcis"):
        if name := _name(field, code, otherwise=""):
            return Place(field, code, name)
    return _by_code(typed, code)


def _by_code(typed: str, code: str) -> Place | PlaceTrouble:
    try:
        found = territory.commune(code)
    except MergedCommune as merged:
        return PlaceTrouble(typed, "merged", (merged.successor.label,))
    except UnknownCommune:
        # Five digits that are no commune's may be a postal code: its communes are offered.
        return _by_name(typed) if len(code) == 5 else PlaceTrouble(typed, "unknown")
    if found.code != code:
        return PlaceTrouble(typed, "part", (found.label,))
    return Place("communes", found.code, found.label)


def _by_name(typed: str) -> Place | PlaceTrouble:
    answer = territory.resolve(typed)
    if isinstance(answer, territory.Commune):
        return Place("communes", answer.code, answer.label)
    if isinstance(answer, territory.NotFound):
        return PlaceTrouble(typed, "unknown", tuple(one.label for one in answer.suggestions[:NEAR_MAX]))
    reason = "merged" if answer.reason is AmbiguityReason.MERGED else "several"
    return PlaceTrouble(typed, reason, tuple(one.label for one in answer.candidates[:NEAR_MAX]))


def _name(field: str, code: str, otherwise: str | None = None) -> str:
    unnamed = code if otherwise is None else otherwise
    try:
        match field:
            case "departements":
                return territory.departement_name(code) or unnamed
            case "epcis":
                return territory.epci_name(code) or unnamed
            case "collectivities":
                return territory.collectivity(code).name
            case _:
                return territory.commune(code).label
    except (UnknownCommune, MergedCommune, UnknownCollectivity):
        return unnamed
