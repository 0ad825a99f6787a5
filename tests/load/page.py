"""The figures' place in docs/performance.md: between two marks, so that what people wrote around them stays."""

from __future__ import annotations

from collections.abc import Sequence

from tests.load.measures.measure import Measure
from tests.load.processes import ROOT
from tests.load.report import as_markdown
from tests.load.sizes import Sizes
from tests.load.trials import Results

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by make bench PAGE=1 -->\n", "<!-- end of figures -->\n"


def with_figures(text: str, figures: str) -> str:
    """Return the page with these figures in place of the ones it had."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has lost the marks between which figures are written")
    return before + BEGIN + figures + END + after


def write_figures(
    measures: Sequence[Measure], results: Results, sizes: Sizes, facts: Sequence[tuple[str, str]]
) -> None:
    """Replace the page's figures."""
    known = "\n".join(f"- **{name}:** {text}" for name, text in facts)
    figures = f"\n{known}\n\n{as_markdown(measures, results, sizes)}\n"
    PAGE.write_text(with_figures(PAGE.read_text("utf-8"), figures), "utf-8")
