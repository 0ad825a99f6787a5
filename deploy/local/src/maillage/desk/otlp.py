"""OTLP's protobuf into plain documents: everything a span carries, in words that JSON and people can read."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SpanDocument: TypeAlias = dict[str, Any]
"""trace_id, span_id, parent_id, service, name, kind, start_ns, end_ns, status, message, attributes, events, links,
resource, scope."""

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
BYTES_MAX = 16 * 1024 * 1024
"""The SDK sends 512 spans at once, about half a megabyte."""


class Unreadable(Exception):
    """The body is not an OTLP trace request, or is larger than any exporter's."""


def read(body: bytes, *, gzipped: bool) -> list[SpanDocument]:
    """Return the spans of a request; raises Unreadable."""
    try:
        if gzipped:
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
                body = stream.read(BYTES_MAX + 1)
        if len(body) > BYTES_MAX:
            raise Unreadable("too large")
        return list(_spans(ExportTraceServiceRequest.FromString(body)))
    except (OSError, EOFError, DecodeError) as error:
        raise Unreadable(type(error).__name__) from None


def _spans(request: ExportTraceServiceRequest) -> Iterator[SpanDocument]:
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        service = str(resource.get("service.name", ""))
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield _document(span, service, resource, of_scope.scope.name)


def _document(span: Span, service: str, resource: dict[str, Any], scope: str) -> SpanDocument:
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_id": span.parent_span_id.hex(),
        "service": service,
        "name": span.name,
        "kind": KINDS[span.kind] if 0 <= span.kind < len(KINDS) else KINDS[0],
        "start_ns": span.start_time_unix_nano,
        "end_ns": span.end_time_unix_nano,
        "status": STATUSES[span.status.code] if 0 <= span.status.code < len(STATUSES) else STATUSES[0],
        "message": span.status.message,
        "attributes": _attributes(span.attributes),
        "events": [
            {"name": event.name, "at_ns": event.time_unix_nano, "attributes": _attributes(event.attributes)}
            for event in span.events
        ],
        "links": [
            {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex(), "attributes": _attributes(link.attributes)}
            for link in span.links
        ],
        "resource": resource,
        "scope": scope,
    }


def _attributes(found: Iterable[KeyValue]) -> dict[str, Any]:
    return {attribute.key: _value(attribute.value) for attribute in found}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, kind)
