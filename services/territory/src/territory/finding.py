"""From what a person typed to a commune.

`resolve` never guesses: when two communes fit, or when the name is that of a merged one, it asks.
A name followed by its département, as `Commune.label` writes it, is always understood. Both
functions accept any text, never raise on it, and repeat none of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from territory.dataset import Dataset, load
from territory.model import AmbiguityReason, Ambiguous, Commune, NotFound
from territory.names import NameIndex, bare, fold, name_index

TEXT_CHARACTERS_MAX = 100
"""The longest name has 45 characters; beyond this nobody is typing a place."""

SUGGESTIONS_MAX = 5
CANDIDATES_MAX = 30
"""More than the most frequent name has (Sainte-Colombe, Saint-Sauveur … about a dozen)."""

_CODE = re.compile(r"\d[\dab]\d{3}")
_DEPARTEMENT = re.compile(r"\d{2,3}|2[ab]")


@dataclass(frozen=True, slots=True)
class Query:
    """A name, and what narrows it: a département or a five-character code (official or postal)."""

    name: str
    departement: str | None = None
    code: str | None = None

    def admits(self, data: Dataset, row: int) -> bool:
        if self.departement is not None:
            return data.placement(row)[0] == self.departement
        if self.code is not None:
            return row == data.row(self.code) or self.code in data.postal[row].split()
        return True

    @property
    def is_narrowed(self) -> bool:
        return self.departement is not None or self.code is not None


def search(text: str, limit: int = 10) -> list[Commune]:
    """Return communes that fit what has been typed so far, the likeliest first.

    Exact names come before beginnings, beginnings before later words, then the most populous. A
    département or postal code after the name narrows; digits alone are the start of a code.
    """
    data, index = load(), name_index()
    query = _parse(data, text)
    if not query.name:
        digits = query.code or query.departement
        rows: Iterable[int] = index.by_size(index.with_digits(digits)) if digits else ()
    else:
        rows = _ranked(data, index, query, text)
    return [data.commune(row) for row in list(rows)[: max(limit, 0)]]


def resolve(text: str) -> Commune | Ambiguous | NotFound:
    """Return the commune that the text names beyond doubt, or the choice to offer, or that there is none."""
    data, index = load(), name_index()
    query = _parse(data, text)
    if not query.name:
        return _from_code(data, index, query.code) if query.code else NotFound()
    entries = [entry for entry in index.exact(query.name) if query.admits(data, index.rows[entry])]
    if not entries and query.is_narrowed:
        # "Paris 11": not a commune of the Aude but an arrondissement, whose number looked like a département.
        entries = index.exact(fold(text))
    current = index.by_size(index.rows[entry] for entry in entries if not index.is_former(entry))
    if len(current) == 1 and query.is_narrowed:
        return data.commune(current[0])
    former = index.by_size(index.rows[entry] for entry in entries if index.is_former(entry))
    rows = [*current, *(row for row in former if row not in current)]
    if not rows:
        return NotFound(tuple(search(query.name, SUGGESTIONS_MAX)))
    if len(rows) == 1 and current:
        return data.commune(rows[0])
    return _ask(data, rows, AmbiguityReason.SAME_NAME if current else AmbiguityReason.MERGED)


def _ask(data: Dataset, rows: list[int], reason: AmbiguityReason) -> Ambiguous:
    return Ambiguous(tuple(data.commune(row) for row in rows[:CANDIDATES_MAX]), reason)


def _from_code(data: Dataset, index: NameIndex, code: str) -> Commune | Ambiguous | NotFound:
    row = data.row(code)
    posted = index.by_size(index.with_postal(code))
    if row is None and not posted:
        return NotFound()
    if row is None or posted == [row]:
        return data.commune(posted[0]) if len(posted) == 1 else _ask(data, posted, AmbiguityReason.POSTAL_CODE)
    if posted:
        return _ask(data, [*posted, *({row} - set(posted))], AmbiguityReason.POSTAL_CODE)
    return _ask(data, [row], AmbiguityReason.MERGED) if code in data.merged else data.commune(row)


def _parse(data: Dataset, text: str) -> Query:
    text = text[:TEXT_CHARACTERS_MAX]
    aside = re.fullmatch(r"\s*([^(,]+)[(,]([^(),]+)\)?\s*", text)
    if aside is not None:
        named = _departement_named(data, aside[2])
        if named is not None:
            return Query(fold(aside[1]), departement=named)
    words = fold(text).split()
    for at in (-1, 0):
        if words and _CODE.fullmatch(words[at]):
            code = words.pop(at).upper()
            return Query(" ".join(words), code=code)
    if words and _DEPARTEMENT.fullmatch(words[-1]):
        departement = words.pop().upper()
        return Query(" ".join(words), departement=departement)
    return Query(" ".join(words))


def _departement_named(data: Dataset, text: str) -> str | None:
    wanted = fold(text)
    return next((code for code, name in data.departements.items() if fold(name) == wanted), None)


def _ranked(data: Dataset, index: NameIndex, query: Query, text: str) -> list[int]:
    # While somebody types, a last word "st" may be a saint or the start of Steenvoorde.
    needles = {query.name} | ({bare(text)} if not query.is_narrowed else set())
    best: dict[int, tuple[int, bool, int, int]] = {}
    for needle in needles:
        for entry in index.containing(needle):
            row, key = index.rows[entry], index.keys[entry]
            if query.admits(data, row):
                fit = 0 if key == needle else 1 if key.startswith(needle) else 2
                rank = (fit, index.is_former(entry), -ord(data.sizes[row]), row)
                best[row] = min(rank, best.get(row, rank))
    return sorted(best, key=best.__getitem__)
