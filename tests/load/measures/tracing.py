"""What it costs to watch: POST /referrals as deployed, with one request in ten traced and metrics read each second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.load.measures.http import measure_submissions
from tests.load.measures.measure import BEHIND, ArmOf, Figures, Goal, Measure, Metric
from tests.load.rig import Rig
from tests.load.sizes import Sizes

RATIO = "0.1"
ACCEPTED = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@asynccontextmanager
async def collector() -> AsyncIterator[str]:
    """Take every span and keep none: the collector's own work is not what is measured."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            await reader.readexactly(int(length.partition(b":")[2]))
            writer.write(ACCEPTED)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _watched(rig: Rig, sizes: Sizes) -> Figures:
    async with collector() as endpoint:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "MAILLAGE_TRACE_RATIO": RATIO}
        return _kept(
            await measure_submissions(rig, sizes, server="ours", kafka=True, environment=environment, read_metrics=True)
        )


async def _unwatched(rig: Rig, sizes: Sizes) -> Figures:
    return _kept(await measure_submissions(rig, sizes, server="ours", kafka=True))


def _kept(figures: Figures) -> Figures:
    return {name: value for name, value in figures.items() if name in {"cpu", "rate", "p99", BEHIND}}


UNWATCHED = "Maillage: neither"

TRACING = Measure(
    key="tracing",
    title=lambda _: f"POST /referrals with traces (ratio {RATIO}) and metrics, and without",
    metrics=(
        Metric("cpu", "µs of server CPU a request"),
        Metric("rate", "created/s, all connections busy"),
        Metric("p99", "ms, p99, on a schedule", 1, scheduled=True),
    ),
    arms=(ArmOf("Maillage: traces and metrics", _watched), ArmOf(UNWATCHED, _unwatched)),
    goals=(Goal("traces (0.1) and metrics ≤ 10 % CPU", "cpu", 1.10, against=UNWATCHED),),
)
