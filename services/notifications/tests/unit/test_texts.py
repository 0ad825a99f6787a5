"""The two constructs of the texts, and nothing else."""

from __future__ import annotations

import pytest

from notifications.domain.errors import MissingValue, TextBroken
from notifications.domain.texts import Values, read


def say(source: str, shown: dict[str, str] | None = None, **codes: str) -> str:
    return read(source).render(Values(shown or {}, {name: frozenset({code}) for name, code in codes.items()}))


def test_values_are_shown() -> None:
    assert say("Le ((starts_at)).", {"starts_at": "mardi"}) == "Le mardi."
    assert say("((contact.phone))", {"contact.phone": "01"}) == "01"


def test_condition_on_a_value() -> None:
    source = "Bonjour((first_name?? ((first_name)))),"
    assert say(source, {"first_name": "Camille"}) == "Bonjour Camille,"
    assert say(source) == "Bonjour,"


def test_condition_on_a_code() -> None:
    source = "((modality=phone??Par téléphone.))((modality=video??En vidéo.))"
    assert say(source, modality="video") == "En vidéo."
    assert say(source, modality="of_a_later_version") == ""


def test_line_of_conditions_that_do_not_hold_is_left_out() -> None:
    source = "un\n((place??((place))))\n\n((modality=phone??deux))\ntrois"
    assert say(source) == "un\n\ntrois"
    assert say(source, {"place": "ici"}, modality="phone") == "un\nici\n\ndeux\ntrois"


def test_value_that_is_not_known_is_named_and_nothing_is_said() -> None:
    with pytest.raises(MissingValue, match="place"):
        say("((place))")


def test_value_is_never_read_as_a_text() -> None:
    assert say("((place))", {"place": "((first_name))"}) == "((first_name))"


@pytest.mark.parametrize(
    "broken", ["((", "((a", "((a)) ))", "(( a ))", "((A))", "((a??b", "((a=B??c))", "((a??b)) ((c"]
)
def test_broken_text_is_refused_with_its_line(broken: str) -> None:
    with pytest.raises(TextBroken, match="line 2"):
        read(f"Bonjour\n{broken}")


def test_names_are_known_with_the_conditions_they_stand_behind() -> None:
    text = read("((a)) ((b??((c)) ((d=x??((e))))))")
    assert dict(text.shown()) == {"a": frozenset(), "c": {"b"}, "e": {"b", "d"}}
    assert [(one.name, one.code) for one in text.conditions()] == [("b", None), ("d", "x")]
