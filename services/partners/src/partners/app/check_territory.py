"""Refuse a territory that names places which do not exist, or no longer do; spell the others in one way.

A council's département is its collectivity: under either name it has the same jurisdiction and sees the same communes,
so that the Rhône's council does not see the Métropole de Lyon, and no two councils answer for one place. The same
for an employment service, which is looked for by collectivity.
"""

from __future__ import annotations

import territory as geography
from partners.domain.errors import InvalidTerritory, Refusal
from partners.domain.organisation import ANSWERING, Kind, Territory


def check_territory(given: Territory, kind: Kind) -> Territory:
    """Return the territory with each collectivity under its one code; départements too, for kinds that answer.

    Raises InvalidTerritory naming each code at fault by its place, and the successor of a merged commune.
    """
    refusals = []
    for problem in geography.check_territory(given):
        codes: tuple[str, ...] = getattr(given, problem.field)
        successor = problem.successor
        named = None if successor is None else f"{successor.name} ({successor.code})"
        refusals.append(Refusal(problem.field, codes.index(problem.code), named))
    if refusals:
        raise InvalidTerritory(refusals)
    # Mayotte has two codes in public data: readers look a council up by one of them.
    collectivities = {geography.collectivity(code).code for code in given.collectivities}
    departements = given.departements
    if kind in ANSWERING:
        collectivities |= {geography.collectivity_of_departement(code).code for code in departements}
        departements = ()
    return Territory.of(
        communes=given.communes,
        epcis=given.epcis,
        departements=departements,
        collectivities=sorted(collectivities),
    )
