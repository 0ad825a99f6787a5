"""The derived file in memory: read once, on first use, never at import.

Rows are columns of strings and numbers; a `Commune` is made when somebody asks for it. That keeps
35,000 communes at a few megabytes per process and the load well under 150 ms. Threads racing for
the first use may read the file twice; both get equal content.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from territory.councils import collectivity_of
from territory.model import Collectivity, Commune


@dataclass(frozen=True, slots=True)
class Source:
    """Where the geography comes from, for screens and reports."""

    package: str
    version: str
    sha256: str
    published: str
    """The day the package was published."""
    geography: str
    """The day at which the official geographic code is described."""
    licence: str


@dataclass(frozen=True, slots=True)
class Former:
    """An old name or code; `code` may also be current when only a part of the commune had this name."""

    code: str
    name: str | None
    successor: str


class Dataset:
    """The columns and their indexes."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.source = Source(**raw["source"])
        self.departements: dict[str, str] = {code: name for code, name, _ in raw["departements"]}
        self.epcis: dict[str, str] = dict(raw["epcis"])
        self.codes, self._departement_of = _expand(raw["steps"])
        self.rows = {code: row for row, code in enumerate(self.codes)}
        self.names: list[str] = raw["names"].split("\n")
        self.postal_text: str = raw["postal"]
        """One line a row; split by the index of names, the only reader."""
        self.sizes: str = raw["sizes"]
        """A letter a row: how many binary digits its population has. Enough to put large towns first."""
        epcis = [*self.epcis, None]
        self._epci_of: list[str | None] = [epcis[rank] for rank in raw["epci_of"]]
        self.former = tuple(Former(*row) for row in raw["former"])
        self.merged = {former.code: former for former in self.former if former.code not in self.rows}
        self.arrondissements: dict[str, tuple[str, str]] = {
            code: (name, of) for code, name, of in raw["arrondissements"]
        }
        self._collectivity_of = self._jurisdictions({code: link for code, _, link in raw["departements"]})
        self.collectivities = {each.code: each for each in sorted(set(self._collectivity_of.values()))}

    def commune(self, row: int) -> Commune:
        departement, epci = self._departement_of[row], self._epci_of[row]
        collectivity = self._collectivity_of[departement, epci]
        return Commune(self.codes[row], self.names[row], departement, epci, collectivity.code)

    def row(self, code: str) -> int | None:
        """Return where a code leads today: itself, its commune for an arrondissement, its successor when merged."""
        if code in self.rows:
            return self.rows[code]
        if code in self.arrondissements:
            return self.rows[self.arrondissements[code][1]]
        former = self.merged.get(code)
        return None if former is None else self.rows[former.successor]

    def placement(self, row: int) -> tuple[str, str | None, str]:
        """Return département, EPCI and collectivity without making a Commune."""
        departement, epci = self._departement_of[row], self._epci_of[row]
        return departement, epci, self._collectivity_of[departement, epci].code

    def _jurisdictions(self, links: dict[str, int]) -> dict[tuple[str, str | None], Collectivity]:
        made: dict[Collectivity, Collectivity] = {}
        found: dict[tuple[str, str | None], Collectivity] = {}
        for departement, epci in set(zip(self._departement_of, self._epci_of, strict=True)):
            name = self.departements[departement]
            collectivity = collectivity_of(departement, name, links[departement], epci)
            found[departement, epci] = made.setdefault(collectivity, collectivity)
        return found


def _expand(steps: dict[str, list[int]]) -> tuple[list[str], list[str]]:
    codes: list[str] = []
    departements: list[str] = []
    for departement in sorted(steps):
        number, width = 0, 5 - len(departement)
        for step in steps[departement]:
            number += step
            codes.append(f"{departement}{number:0{width}d}")
            departements.append(departement)
    return codes, departements


@lru_cache(maxsize=1)
def load() -> Dataset:
    """Read the file if it has not been read; a service calls this at start-up to keep it out of the first request."""
    packed = files("territory").joinpath("data/communes.json.gz").read_bytes()
    return Dataset(json.loads(gzip.decompress(packed)))
