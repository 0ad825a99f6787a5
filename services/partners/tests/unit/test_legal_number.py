"""Which SIREN and SIRET are taken."""

from __future__ import annotations

import pytest

from partners.domain.legal_number import read_legal_number


@pytest.mark.parametrize("number", ["732829320", "73282932000074", "356000000", "35600000000048", "35600000049837"])
def test_number_is_taken_when_its_check_holds(number: str) -> None:
    assert read_legal_number(f" {number[:3]} {number[3:]} ") == number


@pytest.mark.parametrize(
    "text",
    ["", "732829321", "73282932000075", "73282932100064", "35600000049838", "7328293200007", "73282932x", "٧٣٢٨٢٩٣٢٠"],
)
def test_number_is_refused_when_its_form_or_check_is_wrong(text: str) -> None:
    assert read_legal_number(text) is None
