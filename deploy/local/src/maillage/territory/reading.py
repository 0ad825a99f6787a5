"""Read a territory file: all of it is right, or every error is named with its line, in French then in English."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from maillage.errors import Refusal
from maillage.territory.checking import problems_of
from maillage.territory.lines import Lines, Place, locate
from maillage.territory.wanted import Wanted

_AT = re.compile(r"\(at line ([0-9]+), column [0-9]+\)|\(at end of document\)")
ERRORS_SHOWN = 20

_WORDS = {
    "missing": ("il manque « {key} »", "“{key}” is missing"),
    "string_type": ("« {key} » doit être un texte entre guillemets", "“{key}” must be text in quotes"),
    "bool_type": ("« {key} » doit être true ou false", "“{key}” must be true or false"),
    "bool_parsing": ("« {key} » doit être true ou false", "“{key}” must be true or false"),
    "int_type": ("« {key} » doit être un nombre entier", "“{key}” must be a whole number"),
    "int_parsing": ("« {key} » doit être un nombre entier", "“{key}” must be a whole number"),
    "tuple_type": ("« {key} » doit être une liste [ … ]", "“{key}” must be a list [ … ]"),
    "model_type": ("« {key} » doit être une table", "“{key}” must be a table"),
    "too_short": ("« {key} » est vide", "“{key}” is empty"),
    "string_too_short": ("« {key} » est vide", "“{key}” is empty"),
    "too_long": ("« {key} » a trop d'éléments", "“{key}” has too many elements"),
    "string_too_long": ("« {key} » est trop long", "“{key}” is too long"),
    "timezone_aware": ("« {key} » : il manque le décalage horaire, par exemple +01:00", "“{key}” lacks its UTC offset"),
    "greater_than_equal": ("« {key} » est trop petit", "“{key}” is too small"),
    "less_than_equal": ("« {key} » est trop grand", "“{key}” is too large"),
}
_OTHERWISE = ("« {key} » n'a pas la forme attendue", "“{key}” is not of the expected form")
_FORMS = {
    "code": ("2 à 20 caractères a-z et 0-9", "2 to 20 characters a-z and 0-9"),
    "name": ("sans saut de ligne ; pour un client : a-z, 0-9 et tirets", "one line; of a client: a-z, 0-9 and hyphens"),
    "client": ("a-z, 0-9 et tirets", "a-z, 0-9 and hyphens"),
    "provider": ("le code d'une organisation", "the code of an organisation"),
    "phone": ("chiffres, espaces et + ( ) . -", "digits, spaces and + ( ) . -"),
    "email": ("une adresse comme accueil@example.org", "an address such as accueil@example.org"),
    "starts_at": ("une date comme 2026-03-02T09:30:00+01:00", "a date such as 2026-03-02T09:30:00+01:00"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a file, and where."""

    place: Place
    french: str
    english: str


@dataclass(frozen=True, slots=True)
class TerritoryFile:
    """A file that was read: what it says, and where it says it."""

    path: Path
    wanted: Wanted
    lines: Lines

    def where(self, *place: str | int) -> str:
        """Return `cd93.toml, ligne 12`."""
        return f"{self.path.name}, ligne {self.lines.of(place)}"


def read_file(path: Path) -> TerritoryFile:
    """Return the file's content, or refuse naming every error with its line."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise Refusal(f"{path} ne peut pas être lu ({error.strerror}) · the file cannot be read") from None
    except UnicodeDecodeError:
        raise Refusal(f"{path} n'est pas en UTF-8 · the file is not UTF-8", "enregistrez-le en UTF-8") from None
    return read_text(text.replace("\r\n", "\n"), path)


def read_text(text: str, path: Path) -> TerritoryFile:
    """Return what a document says; `path` is how it is called in errors."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, text, path) from None
    lines = locate(text)
    try:
        wanted = Wanted.model_validate(document)
    except ValidationError as error:
        raise _refused(path, lines, _of_pydantic(error)) from None
    problems = [Problem(*one) for one in problems_of(wanted)]
    if problems:
        raise _refused(path, lines, problems)
    return TerritoryFile(path, wanted, lines)


def _not_toml(error: tomllib.TOMLDecodeError, text: str, path: Path) -> Refusal:
    found = _AT.search(str(error))
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    return Refusal(
        f"{path.name} n'est pas du TOML · this is not TOML\n  ligne {line} : la syntaxe s'arrête ici · "
        f"line {line}: {_AT.sub('', str(error)).strip()}",
        "docs/territory-file.md montre un fichier complet",
    )


def _refused(path: Path, lines: Lines, problems: Iterable[Problem]) -> Refusal:
    found = sorted((lines.of(one.place), one.french, one.english) for one in problems)
    said = [f"  ligne {line} : {french} · line {line}: {english}" for line, french, english in found[:ERRORS_SHOWN]]
    if len(found) > ERRORS_SHOWN:
        said.append(f"  … et {len(found) - ERRORS_SHOWN} autres · and others")
    count = f"{len(found)} erreur{'s' if len(found) > 1 else ''}"
    return Refusal(
        "\n".join([f"{path.name} : {count}, rien n'a été changé · nothing was changed", *said]),
        "docs/territory-file.md dit ce que chaque clé attend · says what each key takes",
    )


def _of_pydantic(error: ValidationError) -> Iterator[Problem]:
    found = error.errors(include_input=False, include_url=False)
    for one in found:
        place: Place = one["loc"]
        inside = any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in found)
        if one["type"] == "too_short" and inside:
            # Its elements are refused, so that none is left to count.
            continue
        key = next((part for part in reversed(place) if isinstance(part, str)), "")
        if one["type"] == "extra_forbidden":
            yield _unknown(place, key)
        elif one["type"] == "literal_error":
            expected = one["ctx"]["expected"].replace(" or ", ", ")
            yield Problem(place, f"« {key} » : valeurs admises {expected}", f"“{key}”: one of {expected}")
        else:
            french, english = _WORDS.get(one["type"], _OTHERWISE)
            form = _FORMS.get(key) if (french, english) == _OTHERWISE else None
            more = (f" : {form[0]}", f": {form[1]}") if form else ("", "")
            yield Problem(place, french.format(key=key) + more[0], english.format(key=key) + more[1])


def _unknown(place: Place, key: str) -> Problem:
    close = difflib.get_close_matches(key, sorted(_keys(Wanted)), 1, 0.6)
    french = f" ; vouliez-vous « {close[0]} » ?" if close else ""
    english = f"; did you mean “{close[0]}”?" if close else ""
    # The key itself is the writer's own word, and holds no value.
    return Problem(place, f"clé inconnue « {key[:40]} »{french}", f"unknown key “{key[:40]}”{english}")


def _keys(model: type[BaseModel]) -> set[str]:
    keys = set(model.model_fields)
    for one in model.model_fields.values():
        for inner in _models(one.annotation):
            keys |= _keys(inner)
    return keys


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models(part)
