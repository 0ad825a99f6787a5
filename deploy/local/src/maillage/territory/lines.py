"""Where each key and each element of a TOML document stands, so that an error can name its line.

For documents that `tomllib` has read: it checks nothing, and has no opinion about values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the top of the document: `("organisations", 0, "code")`."""

_BLANK = " \t\r\n"
_ENDS_VALUE = ",]}#\n"


@dataclass(slots=True)
class Lines:
    """The line of each place, counted from 1."""

    by_place: Mapping[Place, int]

    def of(self, place: Place) -> int:
        """Return the line of the place, or of the nearest thing around it."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.by_place:
                return self.by_place[place[:length]]
        return 1


def locate(text: str) -> Lines:
    """Return where everything stands in a valid TOML document."""
    scanner = _Scanner(text)
    scanner.document()
    return Lines(scanner.lines)


@dataclass
class _Scanner:
    text: str
    at: int = 0
    line: int = 1
    lines: dict[Place, int] = field(default_factory=dict)
    _lengths: dict[Place, int] = field(default_factory=dict)
    """Of each array of tables: how many elements have begun."""

    def document(self) -> None:
        table: Place = ()
        while self._next_thing():
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Place:
        line = self.line
        many = self.text.startswith("[[", self.at)
        self._skip(2 if many else 1)
        *parents, last = self._key()
        self._skip(2 if many else 1)
        place: Place = ()
        for part in parents:
            place = self._inside((*place, part))
        place = (*place, last)
        if many:
            self.lines.setdefault(place, line)
            self._lengths[place] = self._lengths.get(place, 0) + 1
        place = self._inside(place)
        self.lines.setdefault(place, line)
        return place

    def _inside(self, place: Place) -> Place:
        """Return the last element begun, where the place is an array of tables."""
        return (*place, self._lengths[place] - 1) if place in self._lengths else place

    def _pair(self, table: Place) -> None:
        line = self.line
        place = (*table, *self._key())
        for length in range(len(table) + 1, len(place) + 1):
            self.lines.setdefault(place[:length], line)
        self._skip(1)  # =
        self._next_thing(newlines=False)
        self._value(place)

    def _value(self, place: Place) -> None:
        opening = self._peek()
        if opening in "\"'":
            self._string()
        elif opening == "[":
            self._elements(place)
        elif opening == "{":
            self._skip(1)
            while self._next_thing() and self._peek() != "}":
                self._pair(place)
                if self._next_thing() and self._peek() == ",":
                    self._skip(1)
            self._skip(1)
        else:
            while self.at < len(self.text) and self._peek() not in _ENDS_VALUE:
                self._skip(1)

    def _elements(self, place: Place) -> None:
        self._skip(1)
        index = 0
        while self._next_thing() and self._peek() != "]":
            self.lines.setdefault((*place, index), self.line)
            self._value((*place, index))
            index += 1
            if self._next_thing() and self._peek() == ",":
                self._skip(1)
        self._skip(1)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._next_thing(newlines=False)
            if self._peek() in "\"'":
                begin = self.at + 1
                self._string()
                parts.append(self.text[begin : self.at - 1])
            else:
                begin = self.at
                while self._peek().isalnum() or self._peek() in "-_":
                    self._skip(1)
                parts.append(self.text[begin : self.at])
            self._next_thing(newlines=False)
            if self._peek() != ".":
                return parts
            self._skip(1)

    def _string(self) -> None:
        quote = self._peek()
        end = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self._skip(len(end))
        while not self.text.startswith(end, self.at):
            self._skip(2 if quote == '"' and self._peek() == "\\" else 1)
        self._skip(len(end))
        # """a"""" ends with a quote of its own.
        while len(end) == 3 and self._peek() == quote:
            self._skip(1)

    def _next_thing(self, *, newlines: bool = True) -> bool:
        """Pass over blanks and comments; return whether anything is left."""
        while self.at < len(self.text):
            if self._peek() == "#":
                while self.at < len(self.text) and self._peek() != "\n":
                    self._skip(1)
            elif self._peek() in (_BLANK if newlines else " \t"):
                self._skip(1)
            else:
                return True
        return False

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1] or "\0"

    def _skip(self, count: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count
