"""The figures' place in docs/performance.md: between two marks, so that what people wrote around them stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.load.goals import judged
from tests.load.pictures import GROWTH_PICTURE, RATIOS_PICTURE, draw
from tests.load.processes import ROOT
from tests.load.report import as_markdown
from tests.load.sizes import Sizes
from tests.load.store import OF_THE_RUN, Stored

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by make bench PAGE=1 -->\n", "<!-- end of figures -->\n"


def with_figures(text: str, figures: str) -> str:
    """Return the page with these figures in place of the ones it had."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has lost the marks between which figures are written")
    return before + BEGIN + figures + END + after


def write_page(found: Sequence[Stored], sizes: Sizes) -> None:
    """Replace the page's figures and its pictures."""
    draw(found)
    PAGE.write_text(with_figures(PAGE.read_text("utf-8"), "\n".join(_lines(found, sizes)) + "\n"), "utf-8")


def _lines(found: Sequence[Stored], sizes: Sizes) -> Iterator[str]:
    yield ""
    yield from (f"- **{name}:** {text}" for name, text in found[-1].facts if name not in OF_THE_RUN)
    yield from ("", "### Goals", "", "| goal | measured [95 %] | |", "|---|--:|---|")
    for one in found:
        for goal in judged(one.measure, one.results):
            yield f"| {goal.goal.text} | {goal.shown} | {'reached' if goal.reached else '**not reached**'} |"
    yield from ("", f"![Ours divided by each anchor, with the goals](pictures/{RATIOS_PICTURE})")
    if any(one.measure.key == "growth" for one in found):
        yield from ("", f"![Cost of one event for one partner as things grow](pictures/{GROWTH_PICTURE})")
    for one in found:
        yield as_markdown([one.measure], one.results, sizes).rstrip("\n")
        yield ""
        yield "; ".join(f"{name.lower()}: {text}" for name, text in one.facts if name in OF_THE_RUN) + "."
