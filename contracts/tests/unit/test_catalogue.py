"""The catalogue has a French and an English text for every type, an example that is one, and no end without a date."""

from __future__ import annotations

import json
from datetime import date

import pytest

from maillage_contracts import MODELS, decode_value
from maillage_contracts.catalogue import Text, catalogue, differences, entries_of, sources
from maillage_contracts.registry import RegistryError, stem_of

WRITTEN = {stem_of(ce_type): {"title": "t", "meaning": "m", "when": "w"} for ce_type in MODELS}
EXAMPLES: dict[str, dict[str, str]] = {stem_of(ce_type): {} for ce_type in MODELS}
ACCEPTED = "referrals.referral.accepted.v1"


def test_every_type_has_texts_an_example_and_a_first_version() -> None:
    entries = catalogue()

    assert list(entries) == list(MODELS)
    for ce_type, entry in entries.items():
        texts = (entry.title, entry.meaning, entry.when)
        assert all(text.fr and text.en and text.fr != text.en for text in texts), ce_type
        assert all("\n" not in text.fr + text.en for text in texts)
        assert type(decode_value(ce_type, json.dumps(entry.example).encode())) is MODELS[ce_type]
        assert entry.changes[-1].version == "0.1.0"
    assert len({entry.title.fr for entry in entries.values()}) == len(entries)


def test_texts_and_examples_are_of_the_types_there_are() -> None:
    assert differences(*sources()) == []
    assert differences({stem: {} for stem in WRITTEN if stem != ACCEPTED}, EXAMPLES) == [ACCEPTED]
    assert differences({**WRITTEN, "a.b.c.v1": {}}, EXAMPLES) == ["a.b.c.v1"]


def test_type_without_french_shows_its_english_text() -> None:
    entry = entries_of({}, {})["fr.maillage." + ACCEPTED]

    assert entry.title == Text("Referral accepted", "Referral accepted")
    assert entry.meaning.fr == entry.meaning.en == "The receiver agreed to see the person."


def test_deprecation_has_two_dates_and_comes_before_the_end() -> None:
    ending = {
        "since": date(2027, 1, 1), "sunset": date(2028, 1, 1), "replaced_by": None, "fr": "F", "en": "E",
    }  # fmt: skip
    entry = entries_of({**WRITTEN, ACCEPTED: {**WRITTEN[ACCEPTED], "deprecated": ending}}, EXAMPLES)[
        "fr.maillage." + ACCEPTED
    ]

    assert entry.deprecation is not None
    assert (entry.deprecation.since, entry.deprecation.sunset) == (date(2027, 1, 1), date(2028, 1, 1))
    with pytest.raises(RegistryError, match="ends after"):
        entries_of(
            {**WRITTEN, ACCEPTED: {**WRITTEN[ACCEPTED], "deprecated": {**ending, "sunset": date(2026, 1, 1)}}}, EXAMPLES
        )
