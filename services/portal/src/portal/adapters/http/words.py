"""What pages say, in French and in English: one catalogue each, the same ids in both.

A sentence that counts has two forms, `id.one` and `id.many`; French counts zero and one alike.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

LANGUAGES = ("fr", "en")
LOCAL_TIME = ZoneInfo("Europe/Paris")
"""Every hour is shown and read as in Paris, overseas too, and no page says so: see the limits in the README."""


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return every sentence of a language by its id; a catalogue that repeats an id does not load."""
    sentences: dict[str, str] = {}
    folder = files("portal").joinpath("i18n", language)
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".toml"):
            continue
        for name, sentence in tomllib.loads(entry.read_text("utf-8")).items():
            if name in sentences:
                raise ValueError(f"{language}/{entry.name} repeats {name}")
            sentences[name] = french_spaces(sentence) if language == "fr" else sentence
    return sentences


def french_spaces(sentence: str) -> str:
    """Tie high punctuation to its word, so that no line begins with a question mark."""
    tied = re.sub(r" ([?!;»])", "\u202f\\1", sentence)
    return re.sub(r" :", "\u00a0:", tied).replace("« ", "«\u00a0")


class Words:
    """One reader's language."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._sentences = catalogue(self.language)

    @property
    def ids(self) -> Collection[str]:
        """Every id there is, for pages that choose the most precise sentence."""
        return self._sentences.keys()

    def __call__(self, name: str, /, **values: Any) -> str:
        """Return a sentence with its values in place; an unknown id is a fault of ours and raises KeyError."""
        return self._sentences[name].format_map(values)

    def count(self, name: str, n: int, /, **values: Any) -> str:
        """Return the form of a sentence that agrees with `n`."""
        one = n < 2 if self.language == "fr" else n == 1
        return self(f"{name}.{'one' if one else 'many'}", n=n, **values)

    def known(self, name: str, otherwise: str) -> str:
        """Return a sentence, or that of `otherwise` when a newer service sent a code without words here."""
        return self._sentences.get(name, self._sentences[otherwise])

    def phone(self, number: str) -> str:
        """Write a French number in pairs: `06 39 98 00 00`; any other is left as it is."""
        digits = "0" + number[3:] if number.startswith("+33") else number
        if len(digits) == 10 and digits.isdigit():
            return " ".join(digits[n : n + 2] for n in range(0, 10, 2))
        return number

    def day(self, moment: datetime | date) -> str:
        """Write a day in full: `mardi 24 novembre 2026`."""
        local = moment.astimezone(LOCAL_TIME).date() if isinstance(moment, datetime) else moment
        if self.language == "fr":
            text = format_date(local, "EEEE d MMMM y", locale="fr_FR")
            return text.replace(" 1 ", " 1er ", 1) if local.day == 1 else text
        return format_date(local, "EEEE d MMMM y", locale="en_GB")

    def birth(self, day: date) -> str:
        """Write a birth date: `3 mai 1988`."""
        text = format_date(day, "d MMMM y", locale="fr_FR" if self.language == "fr" else "en_GB")
        return text.replace("1 ", "1er ", 1) if self.language == "fr" and day.day == 1 else text

    def short_day(self, moment: datetime | date) -> str:
        """Write a day for a column: `24 nov. 2026`."""
        local = moment.astimezone(LOCAL_TIME).date() if isinstance(moment, datetime) else moment
        return format_date(local, "d MMM y", locale="fr_FR" if self.language == "fr" else "en_GB")

    def hour(self, moment: datetime) -> str:
        """Write an hour: `14 h 05`, `2:05 pm`."""
        local = moment.astimezone(LOCAL_TIME)
        if self.language == "fr":
            hour = f"{local.hour} h {local.minute:02d}" if local.minute else f"{local.hour} h"
            return hour.replace(" ", "\u202f")
        return format_datetime(local, "h:mm a" if local.minute else "h a", locale="en_GB")

    def moment(self, moment: datetime) -> str:
        """Write a day and an hour: `mardi 24 novembre 2026 à 14 h 05`."""
        return f"{self.day(moment)} {'à' if self.language == 'fr' else 'at'} {self.hour(moment)}"
