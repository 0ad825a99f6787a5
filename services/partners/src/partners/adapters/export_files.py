"""Events as lines of a file: CSV for a spreadsheet, JSON Lines for a program.

The CSV is RFC 4180 in UTF-8 with a byte order mark, without which spreadsheets show accents wrongly. A cell that a
spreadsheet would run as a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from maillage_contracts.catalogue import catalogue
from partners.adapters.http.feed_row import attributes, structured
from partners.app.ports import FeedRow

COLUMNS = ("sequence", "id", "time", "evenement", "type", "subject", "commune", "correlationid", "data")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a file begins and how each event is written; nothing follows the last."""

    media_type: str
    head: bytes
    line: Callable[[FeedRow], bytes]


def safe_cell(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def csv_line(cells: tuple[str, ...]) -> bytes:
    """Return one record of RFC 4180."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerow([safe_cell(cell) for cell in cells])
    return written.getvalue().encode()


def _csv_event(row: FeedRow) -> bytes:
    found = attributes(row)
    data = json.loads(row.payload)
    entry = catalogue().get(found["type"])
    routing = data.get("routing") if isinstance(data, dict) else None
    return csv_line(
        (
            found["sequence"],
            found["id"],
            found["time"],
            entry.title.fr if entry is not None else "",
            found["type"],
            found["subject"],
            routing.get("commune", "") if isinstance(routing, dict) else "",
            found.get("correlationid", ""),
            row.payload.decode(),
        )
    )


def _json_event(row: FeedRow) -> bytes:
    return structured(row).replace(b"\r", b"").replace(b"\n", b"") + b"\n"


FORMATS: Mapping[str, FileFormat] = {
    "csv": FileFormat("text/csv; charset=utf-8", b"\xef\xbb\xbf" + csv_line(COLUMNS), _csv_event),
    "jsonl": FileFormat("application/jsonl", b"", _json_event),
}
