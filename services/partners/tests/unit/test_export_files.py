"""Files that a spreadsheet opens without running anything, and headers that say what ends."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.problems import Problem
from maillage_contracts.catalogue import Deprecation, Text, catalogue
from partners.adapters.export_files import FORMULA_STARTS, csv_line, safe_cell
from partners.adapters.http.feed_types import KNOWN, chosen_types, deprecation_headers

CELLS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
RECEIVED, ACCEPTED = (f"fr.maillage.referrals.referral.{fact}.v1" for fact in ("received", "accepted"))


@given(st.lists(CELLS | st.sampled_from(["=1+1", "+33", "-2", "@SUM(A1)", "\t=1", 'a"b', "a,b", "a\r\nb"]), min_size=2))
def test_line_is_read_back_as_written_and_runs_nothing(cells: list[str]) -> None:
    written = csv_line(tuple(cells))

    [read] = csv.reader(io.StringIO(written.decode(), newline=""), strict=True)
    assert read == [safe_cell(cell) for cell in cells]
    assert written.endswith(b"\r\n")
    assert not [cell for cell in read if cell.startswith(FORMULA_STARTS)]


def test_families_and_names_choose_types_in_the_order_of_the_table() -> None:
    assert chosen_types(None) is chosen_types("") is None
    assert chosen_types("referrals.referral.accepted.v1, referrals.referral.received.v1") == (ACCEPTED, RECEIVED)
    assert set(chosen_types("referrals.*,registration.*,training.*,partners.*") or ()) == set(KNOWN)
    for text in ("referrals.referral.accepted", "notifications.notice.sent.v1", "referrals.referral.accepted.v1,"):
        with pytest.raises(Problem):
            chosen_types(text)


def test_headers_say_when_a_type_ends() -> None:
    ending = Deprecation(date(2027, 1, 1), date(2028, 1, 1), None, Text("f", "e"))
    entries = {**catalogue(), ACCEPTED: replace(catalogue()[ACCEPTED], deprecation=ending)}

    assert deprecation_headers((RECEIVED, ACCEPTED), entries) == {
        "deprecation": "@1798761600",
        "sunset": "Sat, 01 Jan 2028 00:00:00 GMT",
    }
    assert deprecation_headers((RECEIVED,), entries) == deprecation_headers((), entries) == {}
