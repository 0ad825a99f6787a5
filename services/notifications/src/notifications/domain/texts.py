"""The language of the texts: `((name))`, and `((name??text))` or `((name=code??text))`, shown where it holds.

Nothing else: whoever writes a notice needs no programming, and what a text can say is known before it is sent. A
construct stays on its line; a line of conditions of which none holds is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from notifications.domain.errors import MissingValue, TextBroken

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z]+)?")
_CONDITION = re.compile(rf"({_NAME.pattern})(?:=([a-z][a-z0-9_]*))?\?\?")


@dataclass(frozen=True, slots=True)
class Values:
    """What a text may say: words to show by name, and codes that its conditions may look at."""

    shown: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def holds(self, name: str, code: str | None) -> bool:
        if code is not None:
            return code in self.codes.get(name, ())
        return bool(self.shown.get(name) or self.codes.get(name))


@dataclass(frozen=True, slots=True)
class Show:
    """A place where a value is shown."""

    name: str


@dataclass(frozen=True, slots=True)
class When:
    """Words that are shown only where the condition holds."""

    name: str
    code: str | None
    then: tuple[Part, ...]


Part = str | Show | When


@dataclass(frozen=True, slots=True)
class Text:
    """A text that was read: its lines, in parts."""

    lines: tuple[tuple[Part, ...], ...]

    def render(self, values: Values) -> str:
        """Return the words; raises MissingValue when one is not known."""
        return "\n".join(
            shown
            for line in self.lines
            if (shown := _render(line, values)).strip() or not any(isinstance(part, When) for part in line)
        )

    def whole(self, values: Values) -> str:
        """Return the words with every condition taken to hold: for judging the writing."""
        return "\n".join("".join(_whole(line, values)) for line in self.lines)

    def conditions(self) -> Iterator[When]:
        """Yield every condition."""
        for line in self.lines:
            yield from _conditions(line)

    def shown(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield every name shown, with the names whose condition it stands behind."""
        for line in self.lines:
            yield from _shown(line, frozenset())


def read(source: str) -> Text:
    """Return the text, or raise TextBroken naming the line."""
    lines = []
    for number, line in enumerate(source.rstrip("\n").split("\n"), start=1):
        parts, _ = _parts(line, number, inside=False)
        if any(isinstance(part, str) and "))" in part for part in parts):
            raise TextBroken(f"line {number}: '))' without its '(('")
        lines.append(parts)
    return Text(tuple(lines))


def _parts(line: str, number: int, *, inside: bool) -> tuple[tuple[Part, ...], str]:
    """Read up to the end, or to the `))` that closes the construct we are inside of."""
    parts: list[Part] = []
    while line:
        at = line.find("((")
        end = line.find("))") if inside else -1
        if end >= 0 and (at < 0 or end < at):
            return (*parts, *_words(line[:end])), line[end + 2 :]
        if at < 0:
            break
        parts += _words(line[:at])
        part, line = _construct(line[at + 2 :], number)
        parts.append(part)
    if inside:
        raise TextBroken(f"line {number}: '((' without its '))'")
    return (*parts, *_words(line)), ""


def _construct(rest: str, number: int) -> tuple[Show | When, str]:
    condition = _CONDITION.match(rest)
    if condition is not None:
        then, rest = _parts(rest[condition.end() :], number, inside=True)
        return When(condition[1], condition[2], then), rest
    name = _NAME.match(rest)
    if name is None or not rest[name.end() :].startswith("))"):
        raise TextBroken(f"line {number}: after '((' a name is expected, then '))' or '??'")
    return Show(name[0]), rest[name.end() + 2 :]


def _words(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _render(parts: tuple[Part, ...], values: Values) -> str:
    return "".join(_one(part, values) for part in parts)


def _one(part: Part, values: Values) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, When):
        return _render(part.then, values) if values.holds(part.name, part.code) else ""
    shown = values.shown.get(part.name)
    if not shown:
        raise MissingValue(part.name)
    return shown


def _whole(parts: tuple[Part, ...], values: Values) -> Iterator[str]:
    for part in parts:
        if isinstance(part, When):
            yield from _whole(part.then, values)
        else:
            yield part if isinstance(part, str) else values.shown.get(part.name, "")


def _conditions(parts: tuple[Part, ...]) -> Iterator[When]:
    for part in parts:
        if isinstance(part, When):
            yield part
            yield from _conditions(part.then)


def _shown(parts: tuple[Part, ...], behind: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for part in parts:
        if isinstance(part, Show):
            yield part.name, behind
        elif isinstance(part, When):
            yield from _shown(part.then, behind | {part.name})
