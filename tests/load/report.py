"""The results as a table: on the terminal, and as Markdown for the page.

A ratio is ours ÷ theirs, with its interval: for rates more is better, for times and costs less is.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.load.figures import ratio
from tests.load.measures.measure import Measure, Metric
from tests.load.sizes import Sizes
from tests.load.trials import Results

HEAD = ("", "median", "least – most", "ours ÷ this [95 %]")
Line = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """One metric of one measure: a line an arm."""

    title: str
    """Of the measure; empty for its second and later metrics."""
    unit: str
    lines: tuple[Line, ...]


def blocks(measures: Sequence[Measure], results: Results, sizes: Sizes) -> Iterator[Block]:
    """Yield the table's blocks."""
    for measure in measures:
        title = measure.title(sizes)
        for metric in measure.metrics:
            lines = tuple(_lines(measure, metric, results))
            if lines:
                yield Block(title, metric.unit, lines)
                title = ""


def _lines(measure: Measure, metric: Metric, results: Results) -> Iterator[Line]:
    ours = results.of(measure.key, measure.arms[0].name, metric.name)
    for arm in measure.arms:
        theirs = results.of(measure.key, arm.name, metric.name)
        if not theirs:
            continue
        compared = ""
        if arm is not measure.arms[0] and len(ours) == len(theirs) and min(*ours, *theirs) > 0:
            found = ratio(ours, theirs)
            compared = f"{_ratio(found.value)} [{_ratio(found.low)}, {_ratio(found.high)}]"
        median, least, most = statistics.median(theirs), min(theirs), max(theirs)
        form = f",.{metric.digits}f"
        yield arm.name, f"{median:{form}}", f"{least:{form}} – {most:{form}}", compared


def _ratio(value: float) -> str:
    return f"{value:.1f}×" if value >= 10 else f"{value:.2f}×" if value >= 0.1 else f"{value:.3f}×"


def as_text(measures: Sequence[Measure], results: Results, sizes: Sizes) -> str:
    """Return the table for a terminal."""
    found = list(blocks(measures, results, sizes))
    rows = [HEAD, *((f"    {first}", *rest) for block in found for first, *rest in block.lines)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]

    def row(first: str, *rest: str) -> str:
        cells = (f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        return "  ".join([f"{first:<{widths[0]}}", *cells])

    text = [row(*HEAD)]
    for block in found:
        text += ["", block.title] if block.title else []
        text += [f"  {block.unit}", *(row(f"    {first}", *rest) for first, *rest in block.lines)]
    text += [f"\nleft out: {key}: {reason}" for key, reason in results.left_out.items()]
    return "\n".join(line.rstrip() for line in text) + "\n"


def as_markdown(measures: Sequence[Measure], results: Results, sizes: Sizes) -> str:
    """Return the tables for the page: one a measure."""
    text: list[str] = []
    for block in blocks(measures, results, sizes):
        if block.title:
            text += ["", f"### {block.title}", "", "| " + " | ".join(HEAD) + " |", "|---|--:|--:|--:|"]
        text.append(f"| **{block.unit}** | | | |")
        text += ["| " + " | ".join(line) + " |" for line in block.lines]
    text += [f"\nLeft out: {key}: {reason}." for key, reason in results.left_out.items()]
    return "\n".join(text) + "\n"
