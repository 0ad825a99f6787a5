"""A story's traces as trees: each span under what caused it, whatever arrived late, twice or not at all."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from maillage.errors import Refusal
from maillage.settings import LocalSettings
from maillage.testing.collector import edges, seen
from maillage.testing.synthetic import span
from maillage.traces import of_referral, trees
from maillage.trees import guides, milliseconds, show_story

STORY = [
    span("process registration-person-v1", id="p3", under="c2", at_ms=60, took_ms=4),
    span("POST /referrals", id="root", took_ms=11.2),
    span("create referrals-referral-v1", id="c1", under="root", at_ms=3, took_ms=0),
    span("process referrals-referral-v1", id="p1", under="c1", at_ms=20, took_ms=15, service="partners"),
    span("create partner-cd93-v1", id="c3", under="p1", at_ms=31, took_ms=0, service="partners"),
    span(
        "process referrals-referral-v1", id="p2", under="c1", at_ms=25, service="registration",
        status="error", attributes={"error.type": "DependencyDown"},
    ),
    span("create registration-person-v1", id="c2", under="p2", at_ms=33, took_ms=0, service="registration"),
]  # fmt: skip

SHOWN = """\
Histoire 42 : 1 trace · story, traces

referrals POST /referrals · {at}, 64,0 ms · 1 erreur
  http://zipkin/zipkin/traces/0af7651916cd43dd8448eb211c80319c
   début    durée  span                                        service
 +0,0 ms  11,2 ms  POST /referrals                             referrals
 +3,0 ms   0,0 ms  └─ create referrals-referral-v1             referrals
+20,0 ms  15,0 ms     ├─ process referrals-referral-v1         partners
+31,0 ms   0,0 ms     │  └─ create partner-cd93-v1             partners
+25,0 ms  10,0 ms     └─ process referrals-referral-v1         registration  erreur DependencyDown
+33,0 ms   0,0 ms        └─ create registration-person-v1      registration
+60,0 ms   4,0 ms           └─ process registration-person-v1  referrals
"""


def shown(spans: list[dict[str, Any]], width: int = 120) -> str:
    out = io.StringIO()
    document = {"correlation_id": "42", "traces": [asdict(trace) for trace in trees(spans, "http://zipkin")]}
    show_story(document, Console(file=out, width=width, highlight=False))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def test_a_story_is_shown_as_trees_with_times_and_failures() -> None:
    text = shown(STORY)

    at = next(line for line in text.split("\n") if "POST /referrals ·" in line).split(" · ")[1].rpartition(",")[0]
    at = at.rpartition(",")[0]
    assert "novembre 2026 à" in at
    assert text == SHOWN.format(at=at)


def test_a_narrow_terminal_cuts_names_and_no_number() -> None:
    for line in shown(STORY, width=60).split("\n")[5:]:
        assert len(line) <= 60
        assert not line or line.count(" ms") == 2 or "durée" in line


def test_traces_come_oldest_first_and_each_begins_at_zero() -> None:
    found = trees([span("late", trace_id="b" * 32, at_ms=500), *STORY])

    assert [trace.title for trace in found] == ["referrals POST /referrals", "referrals late"]
    assert [trace.spans[0].offset_ms for trace in found] == [0.0, 0.0]
    assert found[0].zipkin_url is None
    assert [trace.errors for trace in found] == [1, 0]


def test_a_span_that_arrived_twice_is_shown_once() -> None:
    assert len(trees([*STORY, *STORY])[0].spans) == len(STORY)


def test_what_hangs_under_a_span_that_never_arrived_stands_at_the_edge() -> None:
    (trace,) = trees([one for one in STORY if one["span_id"] != "c1"])

    assert [(one.depth, one.name) for one in trace.spans if one.depth == 0] == [
        (0, "POST /referrals"),
        (0, "process referrals-referral-v1"),
        (0, "process referrals-referral-v1"),
    ]
    assert len(trace.spans) == len(STORY) - 1


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 50)), min_size=1, max_size=20))
def test_every_span_is_placed_once_whatever_the_parents(rows: list[tuple[int, int, int]]) -> None:
    spans = {str(number): span("x", id=str(number), under=str(parent), at_ms=at) for number, parent, at in rows}
    (trace,) = trees(list(spans.values()))

    assert sorted(one.span_id for one in trace.spans) == sorted(spans)
    placed: dict[str, int] = {}
    for one in trace.spans:
        placed[one.span_id] = one.depth
        if one.depth:
            assert placed[one.parent_id] == one.depth - 1, "right under its parent, which came before"
    assert len(list(guides([asdict(one) for one in trace.spans]))) == len(spans)


def test_a_chain_of_a_thousand_spans_is_no_recursion() -> None:
    chain = [span("x", id=str(n), under=str(n - 1) if n else "", at_ms=n) for n in range(3000)]

    assert trees(chain)[0].spans[-1].depth == 2999


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0,0 ms"), (12.34, "12,3 ms"), (9999.9, "9999,9 ms"), (12_340, "12,34 s")]
)
def test_durations_are_written_as_french_readers_do(value: float, text: str) -> None:
    assert milliseconds(value) == text


def test_edges_say_who_causes_whom() -> None:
    assert edges(seen([*STORY, *STORY, span("orphan", id="o", under="gone", service="training")])) == {
        ("", "referrals POST /referrals"),
        ("referrals POST /referrals", "referrals create referrals-referral-v1"),
        ("referrals create referrals-referral-v1", "partners process referrals-referral-v1"),
        ("referrals create referrals-referral-v1", "registration process referrals-referral-v1"),
        ("partners process referrals-referral-v1", "partners create partner-cd93-v1"),
        ("registration process referrals-referral-v1", "registration create registration-person-v1"),
        ("registration create registration-person-v1", "referrals process registration-person-v1"),
        ("?", "training orphan"),
    }


@pytest.mark.parametrize("identifier", ["nonsense", "01 99 00 00 01", ""])
def test_what_is_no_id_is_refused_in_a_sentence(tmp_path: Path, identifier: str) -> None:
    with pytest.raises(Refusal) as refusal:
        of_referral(LocalSettings(data_dir=tmp_path), identifier)

    assert refusal.value.sentence.startswith("Cet identifiant n'en est pas un")
    assert "01 99" not in refusal.value.sentence


def test_nothing_running_and_no_demonstration_are_refused_in_a_sentence(tmp_path: Path) -> None:
    settings = LocalSettings(data_dir=tmp_path)
    with pytest.raises(Refusal, match="ne tourne pas"):
        of_referral(settings, "01890a5d-ac96-774b-bcce-b302099a8057")
    with pytest.raises(Refusal, match="De quelle orientation"):
        of_referral(settings, None)
