"""An index of names that forgives accents, case, hyphens, apostrophes and "St".

Built on the first search and kept: services that only handle codes never pay for it. Besides the
names of today it knows those of merged communes that live on as a part of another, and the
arrondissements of Paris, Lyon and Marseille.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache

from territory.dataset import Dataset, load

_LIGATURES = (("œ", "oe"), ("Œ", "oe"), ("æ", "ae"), ("Æ", "ae"))
_ABBREVIATIONS = ((re.compile(r"\bste\b"), "sainte"), (re.compile(r"\bst\b"), "saint"))
_ARTICLES = ("l ", "la ", "le ", "les ", "los ", "las ")


def bare(text: str) -> str:
    """Return lower-case ASCII letters, digits and single spaces; line feeds are kept."""
    for ligature, letters in _LIGATURES:
        text = text.replace(ligature, letters)
    text = unicodedata.normalize("NFKD", text).casefold()
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
    """Drop a leading article from a folded name."""
    return key[len(next((article for article in _ARTICLES if key.startswith(article)), "")) :]


class NameIndex:
    """Entries are rows of the data set in order, then former names, then arrondissements.

    All names are one string, searched as a whole in about a millisecond: a dictionary of 37,000
    names would answer faster and cost every process twenty megabytes.
    """

    def __init__(self, data: Dataset) -> None:
        self._data = data
        named = [former for former in data.former if former.name is not None]
        names = [*data.names, *(former.name or "" for former in named)]
        self._first_former = len(data.names)
        self._successors = [data.rows[former.successor] for former in named]
        self._text = "\n" + fold("\n".join(names)) + "\n"
        self._starts = array("I", (match.start() for match in re.finditer("\n", self._text)))
        self._arrondissements = {
            form: data.rows[of] for name, of in data.arrondissements.values() for form in _spoken_forms(fold(name))
        }
        self.postal = data.postal_text.split("\n")
        self._by_postal: dict[str, list[int]] = {}
        for row, codes in enumerate(self.postal):
            for code in codes.split():
                self._by_postal.setdefault(code, []).append(row)

    def is_former(self, entry: int) -> bool:
        return entry >= self._first_former

    def row(self, entry: int) -> int:
        """Return the commune that the entry means today."""
        return self._successors[entry - self._first_former] if self.is_former(entry) else entry

    def key(self, entry: int) -> str:
        return self._text[self._starts[entry] + 1 : self._starts[entry + 1]]

    def exact(self, key: str) -> list[int]:
        """Return the entries with this name, or failing that those that differ only by a leading article."""
        found = list(self._matches(f"\n{key}\n"))
        if not found:
            rest = without_article(key)
            found = [entry for article in ("", *_ARTICLES) for entry in self._matches(f"\n{article}{rest}\n")]
        return found

    def arrondissement(self, key: str) -> int | None:
        """Return the row of Paris, Lyon or Marseille for "paris 11", "lyon 3e", "marseille 1er arrondissement"."""
        return self._arrondissements.get(key)

    def containing(self, needle: str) -> Iterator[int]:
        """Yield entries where a word starts with `needle`, which may hold several words."""
        yield from self._matches("\n" + needle)
        yield from self._matches(" " + needle)

    def starting(self, needle: str) -> Iterator[int]:
        """Yield entries whose name starts with `needle`."""
        yield from self._matches("\n" + needle)

    def with_postal(self, code: str) -> list[int]:
        return self._by_postal.get(code, [])

    def with_digits(self, digits: str) -> set[int]:
        """Return the rows whose postal or official code starts with these digits."""
        found = {row for code, rows in self._by_postal.items() if code.startswith(digits) for row in rows}
        return found | {row for code, row in self._data.rows.items() if code.startswith(digits)}

    def by_size(self, rows: Iterable[int]) -> list[int]:
        """Sort rows, the most populous first, homonyms of one size by code; each once."""
        return sorted(set(rows), key=lambda row: (-ord(self._data.sizes[row]), row))

    def _matches(self, wanted: str) -> Iterator[int]:
        at = self._text.find(wanted)
        while at >= 0:
            yield bisect_right(self._starts, at) - 1
            at = self._text.find(wanted, at + 1)


def _spoken_forms(key: str) -> Iterator[str]:
    city, ordinal, _ = key.split(" ", 2)
    digits = ordinal.rstrip("er")
    for number in (digits, f"{digits}e", f"{digits}er", f"{digits}eme", f"{digits}ieme"):
        for tail in ("", " arrondissement", " arr"):
            yield f"{city} {number}{tail}"


@lru_cache(maxsize=1)
def name_index() -> NameIndex:
    """Build the index if it has not been built."""
    return NameIndex(load())
