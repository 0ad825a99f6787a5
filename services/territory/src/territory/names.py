"""An index of names that forgives accents, case, hyphens, apostrophes and "St".

Built on the first search and kept: services that only handle codes never pay for it. Besides the
names of today it knows those of merged communes that live on as a part of another, and the
arrondissements of Paris, Lyon and Marseille.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache

from territory.dataset import Dataset, load

_LIGATURES = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae"})
_ABBREVIATIONS = ((re.compile(r"\bste\b"), "sainte"), (re.compile(r"\bst\b"), "saint"))
_ARTICLES = ("l ", "la ", "le ", "les ", "los ", "las ")


def bare(text: str) -> str:
    """Return lower-case ASCII letters, digits and single spaces; line feeds are kept."""
    text = unicodedata.normalize("NFKD", text.translate(_LIGATURES)).casefold()
    text = re.sub(r"[\u0300-\u036f]+", "", text)
    text = re.sub(r"\bs/", "sur ", text)
    return re.sub(r" *\n *", "\n", re.sub(r"[^a-z0-9\n]+", " ", text)).strip(" ")


def fold(text: str) -> str:
    """Return `bare` text with St and Ste written out: the form in which names are compared."""
    text = bare(text)
    for short, long in _ABBREVIATIONS:
        text = short.sub(long, text)
    return text


def without_article(key: str) -> str:
    article = next((article for article in _ARTICLES if key.startswith(article)), "")
    return key[len(article) :]


class NameIndex:
    """Entries are rows of the data set in order, then former names, then arrondissements."""

    def __init__(self, data: Dataset) -> None:
        self._data = data
        named = [former for former in data.former if former.name is not None]
        self.rows = list(range(len(data.names)))
        self.rows += [data.rows[former.successor] for former in named]
        self.first_former = len(data.names)
        self.first_arrondissement = len(self.rows)
        names = [*data.names, *(former.name or "" for former in named)]
        for name, of in data.arrondissements.values():
            names.append(name)
            self.rows.append(data.rows[of])
        self._text = "\n" + fold("\n".join(names)) + "\n"
        self.keys = self._text[1:-1].split("\n")
        self._starts = [0]
        for key in self.keys:
            self._starts.append(self._starts[-1] + len(key) + 1)
        self._exact: dict[str, list[int]] = {}
        for entry, key in enumerate(self.keys):
            for form in self._forms(entry, key):
                self._exact.setdefault(form, []).append(entry)
        self._by_postal: dict[str, list[int]] = {}
        for row, postal in enumerate(data.postal):
            for code in postal.split():
                self._by_postal.setdefault(code, []).append(row)

    def is_former(self, entry: int) -> bool:
        return self.first_former <= entry < self.first_arrondissement

    def exact(self, key: str) -> list[int]:
        """Return the entries with this name, or failing that those that differ only by a leading article."""
        return self._exact.get(key) or self._exact.get("~" + without_article(key), [])

    def containing(self, needle: str) -> Iterator[int]:
        """Yield entries where a word starts with `needle`, which may hold several words."""
        for before in ("\n", " "):
            at = self._text.find(before + needle)
            while at >= 0:
                yield bisect_right(self._starts, at) - 1
                at = self._text.find(before + needle, at + 1)

    def with_postal(self, code: str) -> list[int]:
        return self._by_postal.get(code, [])

    def with_digits(self, digits: str) -> set[int]:
        """Return the rows whose postal or official code starts with these digits."""
        found = {row for code, rows in self._by_postal.items() if code.startswith(digits) for row in rows}
        return found | {row for code, row in self._data.rows.items() if code.startswith(digits)}

    def by_size(self, rows: Iterable[int]) -> list[int]:
        """Sort rows, the most populous first, homonyms of one size by code; each once."""
        return sorted(set(rows), key=lambda row: (-ord(self._data.sizes[row]), row))

    def _forms(self, entry: int, key: str) -> set[str]:
        if entry < self.first_arrondissement:
            return {key, "~" + without_article(key)}
        city, number, _ = key.split(" ", 2)
        digits = number.rstrip("er")
        ordinals = (digits, f"{digits}e", f"{digits}er", f"{digits}eme", f"{digits}ieme")
        return {f"{city} {ordinal}{tail}" for ordinal in ordinals for tail in ("", " arrondissement", " arr")}


@lru_cache(maxsize=1)
def name_index() -> NameIndex:
    """Build the index if it has not been built."""
    return NameIndex(load())
