"""An SMS is one message, whatever is in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifications.domain import gsm7


@given(st.lists(st.integers(0, 0x2FFF).map(chr)).map("".join))
def test_folded_text_fits_the_alphabet(text: str) -> None:
    folded = gsm7.fold(text)
    assert not gsm7.foreign(folded)
    assert gsm7.fold(folded) == folded


def test_french_letters_that_the_alphabet_has_are_kept() -> None:
    assert gsm7.fold("Vous êtes déjà attendu à 14 h : « où ça ? » — l’œuvre d’août, ça coûte 5 €") == (
        "Vous etes déjà attendu à 14 h : \" où ca ? \" - l'oeuvre d'aout, ca coute 5 €"
    )


def test_euro_takes_two() -> None:
    assert gsm7.septets("5 €") == 4
    assert gsm7.foreign("ê") == {"ê"}


def test_what_has_no_equivalent_is_a_question_mark() -> None:
    assert gsm7.fold("中 🙂") == "? ?"
