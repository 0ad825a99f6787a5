"""A story's traces shown to a person: one tree a trace, with when each span began, how long it took and what failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maillage.desk.dates import in_full


def show_story(document: dict[str, Any], console: Console | None = None) -> None:
    """Show every trace of a story."""
    console = console or _console()
    traces = document["traces"]
    plural = "s" if len(traces) > 1 else ""
    console.print(
        f"Histoire {document['correlation_id']} : {len(traces)} trace{plural} · story, traces", highlight=False
    )
    for trace in traces:
        console.print()
        console.print(_title(trace))
        if trace["zipkin_url"]:
            console.print(Text(f"  {trace['zipkin_url']}", style="dim"), soft_wrap=True)
        console.print(_tree(trace["spans"]))


def _console() -> Console:
    # Into a pipe or a file nothing may be cut at 80 columns.
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def _title(trace: dict[str, Any]) -> Text:
    at = datetime.fromisoformat(trace["started_at"])
    title = Text.assemble(
        (trace["title"], "bold"), f" · {in_full(at.isoformat())}, {milliseconds(trace['duration_ms'])}"
    )
    if trace["errors"]:
        title.append(f" · {trace['errors']} erreur{'s' if trace['errors'] > 1 else ''}", style="red")
    return title


def _tree(spans: list[dict[str, Any]]) -> Table:
    # Numbers first: a narrow terminal cuts on the right, names and never numbers.
    table = Table(box=None, pad_edge=False, header_style="dim")
    rows = [(f"+{milliseconds(span['offset_ms'])}", milliseconds(span["duration_ms"])) for span in spans]
    for place, title in enumerate(("début", "durée")):
        widest = max(len(row[place]) for row in rows)
        table.add_column(title, justify="right", no_wrap=True, min_width=max(widest, len(title)))
    table.add_column("span", no_wrap=True, overflow="ellipsis")
    table.add_column("service", no_wrap=True, overflow="ellipsis")
    table.add_column("", no_wrap=True, overflow="ellipsis")
    for guide, span, row in zip(guides(spans), spans, rows, strict=True):
        failure = Text(f"erreur {span['error']}", style="red") if span["error"] else Text()
        table.add_row(*row, Text.assemble((guide, "dim"), span["name"]), Text(span["service"]), failure)
    return table


def guides(spans: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines that lead to each span, from depths in tree order."""
    open_levels: list[bool] = []
    for span in spans:
        depth, last = span["depth"], span["last"]
        del open_levels[depth:]
        if depth == 0:
            yield ""
        else:
            yield "".join("│  " if more else "   " for more in open_levels[1:]) + ("└─ " if last else "├─ ")
        open_levels.append(not last)


def milliseconds(value: float) -> str:
    """Write a duration as French readers do: `12,3 ms`, `4,20 s` from ten seconds on."""
    text = f"{value / 1000:.2f} s" if value >= 10_000 else f"{value:.1f} ms"
    return text.replace(".", ",")
