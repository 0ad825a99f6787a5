"""One HTTP call to a service, with every way it can fail turned into the portal's own errors.

Nothing of a request or an answer is put into an error's text: both may hold personal data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from chassis.http_spans import client_span
from chassis.tracing import inject
from portal.domain.errors import (
    AccessLost,
    Conflict,
    Gone,
    KeyReused,
    NotFound,
    Refused,
    SendingInProgress,
    ServiceSilent,
    TooMany,
)

TIMEOUT = httpx.Timeout(6.0, connect=2.0, pool=3.0)
"""Somebody is waiting in front of the page: past this, a clear sentence serves better."""

BODY_BYTES_MAX = 2_000_000
"""No answer of a service is larger; a larger one is a fault."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes: `template` names it in spans, `path` may hold an id."""

    service: str
    method: str
    base_url: str
    template: str
    path: str = ""

    @property
    def url(self) -> str:
        return self.base_url + (self.path or self.template)


async def call(client: httpx.AsyncClient, route: Route, **options: Any) -> httpx.Response:
    """Return a 2xx answer, or raise one of `portal.domain.errors`."""
    service = route.service
    headers: dict[str, str] = {"Accept": "application/json", **options.pop("headers", {})}
    with client_span(route.method, route.template, {"peer.service": service}) as span:
        inject(headers)
        try:
            response = await client.request(route.method, route.url, headers=headers, **options)
        except (httpx.HTTPError, httpx.InvalidURL):
            raise ServiceSilent(service) from None
        span.set_attribute("http.response.status_code", response.status_code)
    if len(response.content) > BODY_BYTES_MAX:
        raise ServiceSilent(service)
    if response.is_success:
        return response
    raise failure(response, service)


async def open_stream(client: httpx.AsyncClient, route: Route, **options: Any) -> httpx.Response:
    """Return a 2xx answer whose body is not yet read, to be closed by the caller; raises as `call` does."""
    service = route.service
    headers: dict[str, str] = dict(options.pop("headers", {}))
    timeout = options.pop("timeout")
    with client_span(route.method, route.template, {"peer.service": service}) as span:
        inject(headers)
        try:
            request = client.build_request(route.method, route.url, headers=headers, timeout=timeout, **options)
            response = await client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL):
            raise ServiceSilent(service) from None
        span.set_attribute("http.response.status_code", response.status_code)
    if response.is_success:
        return response
    try:
        await response.aread()
    except httpx.HTTPError:
        raise ServiceSilent(service) from None
    finally:
        await response.aclose()
    raise failure(response, service)


def failure(response: httpx.Response, service: str) -> Exception:
    """Return the error that an answer other than 2xx stands for."""
    status = response.status_code
    if status in (401, 403):
        return AccessLost()
    if status in (404, 410):
        return NotFound() if status == 404 else Gone(str(_problem(response).get("code", "")))
    if status == 429:
        return TooMany(service)
    if status >= 500 or status == 408:
        return ServiceSilent(service)
    problem = _problem(response)
    code = str(problem.get("code", ""))
    if status == 409:
        return SendingInProgress() if code.endswith("in_progress") else Conflict(code)
    if code.endswith("reused"):
        return KeyReused()
    errors = problem.get("errors")
    fields = tuple(
        str(error.get("field", "")) for error in (errors if isinstance(errors, list) else []) if isinstance(error, dict)
    )
    return Refused(code, fields, _successor(problem))


def json_object(response: httpx.Response, service: str) -> dict[str, Any]:
    """Return the JSON object of an answer; anything else is the service's failure."""
    try:
        answer = response.json()
    except ValueError:
        raise ServiceSilent(service) from None
    if not isinstance(answer, dict):
        raise ServiceSilent(service)
    return answer


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _successor(problem: dict[str, Any]) -> str:
    successor = problem.get("successor")
    if isinstance(successor, dict):
        name, code = successor.get("name", ""), successor.get("code", "")
        return f"{name} ({code})" if name and code else str(name or code)
    return successor if isinstance(successor, str) else ""
