"""Territories: which communes four lists of codes cover, and which of their codes are wrong.

Validation is strict, coverage lenient: a territory is checked when it is written, but codes merge
every January, and neither a stored territory nor an event of last year may lose its commune by
that. Old codes therefore follow their successor here; unknown ones cover nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from territory.councils import SYNONYMS
from territory.dataset import Dataset, load
from territory.model import ProblemReason, TerritoryLike, TerritoryProblem

Codes = Collection[str]


def communes_of(territory: TerritoryLike) -> frozenset[str]:
    """Return the current codes of all communes in the territory."""
    data = load()
    named = {row for code in territory.communes if (row := data.row(code)) is not None}
    epcis, departements = frozenset(territory.epcis), frozenset(territory.departements)
    collectivities = _canonical(territory)
    if not (epcis or departements or collectivities):
        return frozenset(data.codes[row] for row in named)
    return frozenset(
        code
        for row, code in enumerate(data.codes)
        if row in named or _within(data, row, epcis, departements, collectivities)
    )


def covers(territory: TerritoryLike, commune_code: str) -> bool:
    """Say whether the commune is in the territory, in microseconds, without listing it."""
    data = load()
    row = data.row(commune_code)
    if row is None:
        return False
    current = data.codes[row]
    if current in territory.communes or commune_code in territory.communes:
        return True
    if _within(data, row, territory.epcis, territory.departements, _canonical(territory)):
        return True
    # Only a territory that still names an old code (or an arrondissement) comes this far with a chance.
    return any(code not in data.rows and data.row(code) == row for code in territory.communes)


def check_territory(territory: TerritoryLike) -> tuple[TerritoryProblem, ...]:
    """Return every code that is unknown or merged, in the order given; empty means valid."""
    return tuple(_problems(territory))


def _canonical(territory: TerritoryLike) -> frozenset[str]:
    return frozenset(SYNONYMS.get(code, code) for code in territory.collectivities)


def _within(data: Dataset, row: int, epcis: Codes, departements: Codes, collectivities: Codes) -> bool:
    departement, epci, collectivity = data.placement(row)
    return epci in epcis or departement in departements or collectivity in collectivities


def _problems(territory: TerritoryLike) -> Iterator[TerritoryProblem]:
    data = load()
    for code in territory.communes:
        row = data.row(code)
        if row is None:
            yield TerritoryProblem("communes", code, ProblemReason.UNKNOWN)
        elif code in data.merged:
            yield TerritoryProblem("communes", code, ProblemReason.MERGED, data.commune(row))
    known = {
        "epcis": (territory.epcis, data.epcis),
        "departements": (territory.departements, data.departements),
        "collectivities": (territory.collectivities, data.collectivities | SYNONYMS),
    }
    for field, (codes, existing) in known.items():
        for code in codes:
            if code not in existing:
                yield TerritoryProblem(field, code, ProblemReason.UNKNOWN)
