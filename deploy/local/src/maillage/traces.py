"""The traces of one story: found by the correlation id of its referral, each as a tree of spans.

A trace is one human act, or one timer, and all that followed at once. What is read here holds ids, names of routes and
topics, and times; never a person.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from maillage import view
from maillage.api import http_client
from maillage.databases import dsn_to_examine
from maillage.demo import Demo
from maillage.errors import Refusal
from maillage.settings import LocalSettings

ANSWER_SECONDS = 15.0

# The primary key finds it.
CORRELATION = "SELECT correlation_id FROM referrals WHERE referral_id = $1"


@dataclass(frozen=True, slots=True)
class TreeSpan:
    """One span at its place in its trace's tree."""

    depth: int
    last: bool
    """Whether no sibling follows it."""
    service: str
    name: str
    kind: str
    offset_ms: float
    """Since the trace's beginning."""
    duration_ms: float
    error: str
    """The kind of failure; empty when there was none."""
    span_id: str
    parent_id: str


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace of the story."""

    trace_id: str
    started_at: str
    """ISO 8601, UTC, to the millisecond."""
    duration_ms: float
    title: str
    """What began it."""
    errors: int
    spans: tuple[TreeSpan, ...]
    """Each parent before its children, siblings by their beginning."""
    zipkin_url: str | None = None


def of_referral(settings: LocalSettings, identifier: str | None) -> dict[str, Any]:
    """Return the story's document: correlation id and traces; refuse when there is nothing to show.

    `identifier` is a referral's id, or a story's correlation id; without one, it is the demonstration's.
    """
    if identifier is None:
        told = Demo.load(settings).story
        if told is None:
            raise Refusal("De quelle orientation ? · of which referral?", "maillage trace <identifiant>")
        identifier = str(told["referral_id"])
    try:
        wanted = UUID(identifier)
    except ValueError:
        raise Refusal(
            "Cet identifiant n'en est pas un : il s'écrit comme 01890a5d-ac96-774b-bcce-b302099a8057 · not an id",
            "prenez-le dans l'adresse de la page de l'orientation, ou dans maillage status --json",
        ) from None
    if not settings.elsewhere and not view.running(settings):
        raise Refusal("Maillage ne tourne pas · Maillage is not running", "dans une autre fenêtre : maillage up")
    return asyncio.run(_of_story(settings, wanted))


async def _of_story(settings: LocalSettings, wanted: UUID) -> dict[str, Any]:
    story = await _correlation(settings, wanted)
    async with http_client(ANSWER_SECONDS) as http:
        spans = await _spans(http, settings, story or wanted)
        zipkin = settings.zipkin_url if spans and await _answers(http, settings.zipkin_url) else None
    if not spans and story is None:
        raise Refusal(f"Aucune orientation n'a l'identifiant {wanted} · no referral has this id")
    if not spans:
        raise Refusal(
            f"Rien n'a été enregistré de cette histoire (corrélation {story}) · nothing was recorded of this story",
            "les 50 000 derniers spans sont gardés, sauf si OTEL_EXPORTER_OTLP_ENDPOINT les envoie ailleurs",
        )
    return {
        "referral_id": str(wanted) if story is not None else None,
        "correlation_id": str(story or wanted),
        "traces": [asdict(trace) for trace in trees(spans, zipkin)],
    }


async def _correlation(settings: LocalSettings, referral_id: UUID) -> UUID | None:
    dsn = dsn_to_examine(settings, "referrals")
    if dsn is None:
        raise Refusal(
            "La base du service referrals n'est pas nommée · the database of referrals is not named",
            "donnez MAILLAGE_REFERRALS_DATABASE_DSN, ou MAILLAGE_POSTGRES_DSN",
        )
    try:
        connection = await asyncpg.connect(dsn, timeout=ANSWER_SECONDS)
        try:
            found: UUID | None = await connection.fetchval(CORRELATION, referral_id)
            return found
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Refusal(
            f"La base du service referrals ne répond pas ({type(error).__name__}) · the database does not answer",
            "maillage status ; maillage logs postgres",
        ) from None


async def _spans(http: httpx.AsyncClient, settings: LocalSettings, story: UUID) -> list[dict[str, Any]]:
    if not settings.has_desk:
        return []
    try:
        answer = await http.get(f"{settings.desk_inside}/spans.json", params={"correlation_id": str(story)})
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["items"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise Refusal(
            f"Le guichet, qui garde les traces, ne répond pas ({type(error).__name__}) · the desk does not answer",
            "maillage status ; maillage logs desk",
        ) from None
    return found


async def _answers(http: httpx.AsyncClient, zipkin_url: str) -> bool:
    try:
        return (await http.get(f"{zipkin_url}/health", timeout=1)).status_code == 200
    except httpx.HTTPError:
        return False


def trees(spans: Sequence[dict[str, Any]], zipkin_url: str | None = None) -> list[Trace]:
    """Return the traces that spans (the desk's documents) make, oldest first."""
    by_trace: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for span in spans:
        # An exporter that retries may deliver a span twice.
        by_trace[span["trace_id"]][span["span_id"]] = span
    found = [_trace(trace_id, list(members.values()), zipkin_url) for trace_id, members in by_trace.items()]
    return sorted(found, key=lambda trace: trace.started_at)


def _trace(trace_id: str, spans: list[dict[str, Any]], zipkin_url: str | None) -> Trace:
    begin = min(span["start_ns"] for span in spans)
    placed = tuple(_walk(spans, begin))
    return Trace(
        trace_id=trace_id,
        started_at=datetime.fromtimestamp(begin / 1e9, UTC).isoformat(timespec="milliseconds"),
        duration_ms=_milliseconds(max(span["end_ns"] for span in spans) - begin),
        title=f"{placed[0].service} {placed[0].name}",
        errors=sum(1 for span in placed if span.error),
        spans=placed,
        zipkin_url=f"{zipkin_url}/zipkin/traces/{trace_id}" if zipkin_url else None,
    )


def _walk(spans: list[dict[str, Any]], begin: int) -> Iterator[TreeSpan]:
    """Yield each span after its parent; one whose parent did not arrive stands where a root would."""
    known = {span["span_id"] for span in spans}
    children: dict[str, list[dict[str, Any]]] = defaultdict(list)
    spans = sorted(spans, key=lambda span: (span["start_ns"], span["end_ns"], span["span_id"]))
    for span in spans:
        parent = span["parent_id"]
        children[parent if parent in known and parent != span["span_id"] else ""].append(span)
    waiting = [(0, number == 0, span) for number, span in enumerate(reversed(children.pop("", [])))]
    while waiting:
        depth, last, span = waiting.pop()
        known.discard(span["span_id"])
        yield _placed(span, depth, last, begin)
        below = children.pop(span["span_id"], [])
        waiting += [(depth + 1, number == 0, child) for number, child in enumerate(reversed(below))]
    # Parents in a circle hang under nothing: no process of ours makes one, and none is lost.
    yield from (_placed(span, 0, True, begin) for span in spans if span["span_id"] in known)


def _placed(span: dict[str, Any], depth: int, last: bool, begin: int) -> TreeSpan:
    failed = span["status"] == "error"
    return TreeSpan(
        depth=depth,
        last=last,
        service=span["service"],
        name=span["name"],
        kind=span["kind"],
        offset_ms=_milliseconds(span["start_ns"] - begin),
        duration_ms=_milliseconds(span["end_ns"] - span["start_ns"]),
        error=str(span["attributes"].get("error.type") or "error") if failed else "",
        span_id=span["span_id"],
        parent_id=span["parent_id"],
    )


def _milliseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)
