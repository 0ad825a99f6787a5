"""Traces out of the process: OTLP over HTTP when OTEL_EXPORTER_OTLP_ENDPOINT is set, nothing otherwise.

Without an endpoint contexts are still made and passed on, since logs and incidents name their trace. A collector that
is away costs spans, never requests, and delays the stop by two seconds at most. OTEL_SDK_DISABLED=true ends it all.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, Tracer, TraceState
from opentelemetry.util.types import Attributes

from chassis import tracing
from chassis.http_spans import TracingMiddleware, client_span
from chassis.message_spans import batch_span, create_span, name_broker, process_span, process_spans, send_span
from chassis.settings import ServiceSettings

__all__ = [
    "Telemetry",
    "TracingMiddleware",
    "batch_span",
    "client_span",
    "configure",
    "create_span",
    "process_span",
    "process_spans",
    "send_span",
]

ENDPOINT_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORT_SECONDS = 5
STOP_SECONDS = 2.0


class Telemetry:
    """The process's tracing, to be closed before it ends."""

    def __init__(self, provider: TracerProvider, before: Tracer) -> None:
        self._provider = provider
        self._before = before

    async def close(self) -> None:
        """Send what is left, for two seconds at most, then stop making spans."""
        tracing.use(self._before)
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            try:
                loop.call_soon_threadsafe(done.set)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

        # A daemon, unlike an executor's thread: the interpreter does not wait for it.
        threading.Thread(target=shut_down, name="telemetry-stop", daemon=True).start()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await done.wait()
        except TimeoutError:
            return


class _LinksDecide(Sampler):
    """Sample a root span that has links when one of them is sampled; one without, by ratio."""

    def __init__(self, ratio: float) -> None:
        self._ratio = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        sampler: Sampler = self._ratio
        if links:
            sampler = ALWAYS_ON if any(link.context.trace_flags.sampled for link in links) else ALWAYS_OFF
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"LinksDecide{{{self._ratio.get_description()}}}"


def configure(
    settings: ServiceSettings, service_name: str, version: str, *, exporter: SpanExporter | None = None
) -> Telemetry:
    """Start tracing in this process; `exporter` receives each span at once instead of OTLP, for tests."""
    exported = exporter is not None or any(os.environ.get(name) for name in ENDPOINT_VARIABLES)
    provider = TracerProvider(
        sampler=ParentBased(_LinksDecide(settings.trace_ratio)) if exported else ALWAYS_OFF,
        resource=Resource.create(
            {
                "service.name": service_name,
                "service.namespace": "maillage",
                "service.version": version,
                "service.instance.id": f"{service_name}-{settings.instance}",
            }
        ),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_attribute_length=256),
    )
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    elif exported:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=EXPORT_SECONDS)))
    name_broker(settings.kafka_bootstrap)
    return Telemetry(provider, tracing.use(provider.get_tracer("chassis", version)))
