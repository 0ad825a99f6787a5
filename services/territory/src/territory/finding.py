"""From what a person typed to a commune.

`resolve` never guesses: when two communes fit, or when the name is that of a merged one, it asks.
A name followed by its département, as `Commune.label` writes it, is always understood. Both
functions accept any text, never raise on it, and repeat none of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from territory.dataset import Dataset, load
from territory.model import AmbiguityReason, Ambiguous, Commune, NotFound
from territory.names import NameIndex, bare, fold, name_index, without_article

TEXT_CHARACTERS_MAX = 100
"""The longest name has 45 characters; beyond this nobody is typing a place."""

SUGGESTIONS_MAX = 5

LIKENESS_MIN = 0.8
"""difflib's ratio: lets one wrong letter in five through, not a different name."""

_NUMBER = re.compile(r"\d[\dab]\d{3}|\d{2,3}|2[ab]")
_BEGUN_NUMBER = re.compile(r"\d[\dab]?\d{0,3}")


@dataclass(frozen=True, slots=True)
class Query:
    """A folded name and the number that narrows it: a département, an official or a postal code."""

    name: str
    number: str = ""


def search(text: str, limit: int = 10) -> list[Commune]:
    """Return communes that fit what has been typed so far, the likeliest first.

    Exact names come before beginnings, beginnings before later words, then the most populous. The
    start of a département or postal code after the name narrows; alone it is the start of a code.
    """
    data, index = load(), name_index()
    query = _parse(data, text, _BEGUN_NUMBER)
    if query.name:
        rows = _ranked(data, index, query, text) or _arrondissement(index, text)
    else:
        rows = index.by_size(index.with_digits(query.number)) if query.number else []
    return [data.commune(row) for row in rows[: max(limit, 0)]]


def resolve(text: str) -> Commune | Ambiguous | NotFound:
    """Return the commune that the text names beyond doubt, or the choice to offer, or that there is none."""
    data, index = load(), name_index()
    query = _parse(data, text, _NUMBER)
    if not query.name:
        return _from_code(data, index, query.number)
    entries = [entry for entry in index.exact(query.name) if _fits(data, index, index.row(entry), query.number)]
    current = index.by_size(index.row(entry) for entry in entries if not index.is_former(entry))
    if len(current) == 1 and query.number:
        return data.commune(current[0])
    former = index.by_size(index.row(entry) for entry in entries if index.is_former(entry))
    rows = [*current, *(row for row in former if row not in current)]
    # "Paris 11" is no commune of the Aude: the number is that of an arrondissement.
    rows = rows or (current := _arrondissement(index, text))
    if not rows:
        return NotFound(_close_to(query.name, data, index))
    if len(rows) == 1 and current:
        return data.commune(rows[0])
    return _ask(data, rows, AmbiguityReason.SAME_NAME if current else AmbiguityReason.MERGED)


def _ask(data: Dataset, rows: list[int], reason: AmbiguityReason) -> Ambiguous:
    return Ambiguous(tuple(data.commune(row) for row in rows), reason)


def _arrondissement(index: NameIndex, text: str) -> list[int]:
    city = index.arrondissement(fold(text[:TEXT_CHARACTERS_MAX]))
    return [] if city is None else [city]


def _from_code(data: Dataset, index: NameIndex, code: str) -> Commune | Ambiguous | NotFound:
    row = data.row(code)
    posted = index.by_size(index.with_postal(code))
    if row is not None and row not in posted:
        posted.append(row)
    if not posted:
        return NotFound()
    if len(posted) > 1:
        return _ask(data, posted, AmbiguityReason.POSTAL_CODE)
    return _ask(data, posted, AmbiguityReason.MERGED) if code in data.merged else data.commune(posted[0])


def _parse(data: Dataset, text: str, number: re.Pattern[str]) -> Query:
    text = text[:TEXT_CHARACTERS_MAX]
    aside = re.fullmatch(r"\s*([^(,]+)[(,]([^(),]+)\)?\s*", text)
    departement = _departement_named(data, aside[2]) if aside else None
    if aside and departement:
        return Query(fold(aside[1]), departement)
    words = fold(text).split()
    for at in (-1, 0):
        if words and number.fullmatch(words[at]):
            found = words.pop(at).upper()
            return Query(" ".join(words), found)
    return Query(" ".join(words))


def _departement_named(data: Dataset, text: str) -> str | None:
    wanted = without_article(fold(text))
    names = ((code, without_article(fold(name))) for code, name in data.departements.items())
    return next((code for code, name in names if name == wanted), None)


def _fits(data: Dataset, index: NameIndex, row: int, number: str) -> bool:
    if not number:
        return True
    departement = data.placement(row)[0]
    return number == departement or row == data.row(number) or number in index.postal[row].split()


def _begins(data: Dataset, index: NameIndex, row: int, number: str) -> bool:
    return data.codes[row].startswith(number) or any(code.startswith(number) for code in index.postal[row].split())


def _ranked(data: Dataset, index: NameIndex, query: Query, text: str) -> list[int]:
    # While somebody types, a last word "st" may be a saint or the start of Steenvoorde.
    needles = {query.name} | (set() if query.number else {bare(text)})
    best: dict[int, tuple[int, bool, int, int]] = {}
    for needle in needles:
        for entry in index.containing(needle):
            row, key = index.row(entry), index.key(entry)
            if _begins(data, index, row, query.number):
                fit = 0 if key == needle else 1 if key.startswith(needle) else 2
                rank = (fit, index.is_former(entry), -ord(data.sizes[row]), row)
                best[row] = min(rank, best.get(row, rank))
    return sorted(best, key=best.__getitem__)


def _close_to(name: str, data: Dataset, index: NameIndex) -> tuple[Commune, ...]:
    """Return communes whose name is this one or resembles it and starts with the same three letters.

    Comparing with all 37,000 names would hold the event loop for seconds.
    """
    begun = {index.key(entry) for entry in index.starting(name[:3])}
    alike = get_close_matches(name, sorted(begun), SUGGESTIONS_MAX, LIKENESS_MIN)
    rows = dict.fromkeys(row for key in alike for row in index.by_size(map(index.row, index.exact(key))))
    return tuple(data.commune(row) for row in list(rows)[:SUGGESTIONS_MAX])
