"""Territories: which communes four lists of codes cover, and which of their codes are wrong.

Validation is strict, coverage follows mergers: a territory is checked when it is written, but codes
merge every January, and a new commune takes the place of the old ones in everything they had
agreed (CGCT, article L2113-5). So neither a stored territory nor an event of last year loses its
commune. Codes that are unknown, and arrondissements, which no referral carries, cover nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from territory.councils import SYNONYMS
from territory.dataset import Dataset, load
from territory.model import ProblemReason, TerritoryLike, TerritoryProblem

Codes = Collection[str]


@dataclass(frozen=True, slots=True)
class _Kept:
    communes: tuple[str, ...] = ()
    epcis: tuple[str, ...] = ()
    departements: tuple[str, ...] = ()
    collectivities: tuple[str, ...] = ()


def communes_of(territory: TerritoryLike) -> frozenset[str]:
    """Return the current codes of all communes in the territory."""
    data = load()
    named = {row for code in territory.communes if (row := _named_row(data, code)) is not None}
    wider = {
        "departement": territory.departements,
        "epci": territory.epcis,
        "collectivity": _canonical(territory.collectivities),
    }
    for kind, codes in wider.items():
        for code in codes:
            named.update(_members()[kind].get(code, ()))
    return frozenset(data.codes[row] for row in named)


def covers(territory: TerritoryLike, commune_code: str) -> bool:
    """Say whether the commune is in the territory, in microseconds, without listing it.

    Takes an arrondissement for its commune and an old code for its successor, as `communes_of` would.
    """
    data = load()
    row = data.row(commune_code)
    if row is None:
        return False
    if data.codes[row] in territory.communes:
        return True
    if _within(data, row, territory.epcis, territory.departements, _canonical(territory.collectivities)):
        return True
    # What remains is a territory written before a merger: it names the commune by an old code.
    return any(code in data.merged and data.row(code) == row for code in territory.communes)


def covered(kept: Mapping[str, Sequence[str]], commune_codes: Collection[str]) -> frozenset[str]:
    """Return those of the communes that are in a territory kept as its four lists, by name."""
    territory = _Kept(**{name: tuple(codes) for name, codes in kept.items()})
    return frozenset(code for code in commune_codes if covers(territory, code))


def check_territory(territory: TerritoryLike) -> tuple[TerritoryProblem, ...]:
    """Return every code that is unknown or merged, in the order given; empty means valid."""
    return tuple(_problems(territory))


@cache
def _members() -> Mapping[str, Mapping[str, Sequence[int]]]:
    """Return the rows in each place that holds several; made when first asked for, since few processes ask."""
    data = load()
    found: dict[str, dict[str, list[int]]] = {"departement": {}, "epci": {}, "collectivity": {}}
    for row in range(len(data.codes)):
        departement, epci, collectivity = data.placement(row)
        for kind, code in (("departement", departement), ("epci", epci), ("collectivity", collectivity)):
            if code is not None:
                found[kind].setdefault(code, []).append(row)
    return found


def _canonical(codes: Codes) -> frozenset[str]:
    return frozenset(SYNONYMS.get(code, code) for code in codes)


def _named_row(data: Dataset, code: str) -> int | None:
    return None if code in data.arrondissements else data.row(code)


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
        elif code in data.arrondissements:
            yield TerritoryProblem("communes", code, ProblemReason.ARRONDISSEMENT, data.commune(row))
    known: dict[str, tuple[Codes, Codes]] = {
        "epcis": (territory.epcis, data.epcis),
        "departements": (territory.departements, data.departements),
        "collectivities": (territory.collectivities, [*data.collectivities, *SYNONYMS]),
    }
    for field, (codes, existing) in known.items():
        for code in codes:
            if code not in existing:
                yield TerritoryProblem(field, code, ProblemReason.UNKNOWN)
