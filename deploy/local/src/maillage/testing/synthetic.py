"""Made-up spans, as the desk keeps them, for tests of what reads them."""

from __future__ import annotations

from typing import Any

BEGIN_NS = 1_795_836_406_370_000_000
"""28 November 2026."""


def span(name: str, **changes: Any) -> dict[str, Any]:
    """Return one span's document: a root of `referrals` that took 10 ms, with `changes`.

    `at_ms` and `took_ms` give its times since the beginning, `id` and `under` its own and its parent's id.
    """
    at = BEGIN_NS + int(changes.pop("at_ms", 0) * 1_000_000)
    took = int(changes.pop("took_ms", 10) * 1_000_000)
    service = changes.pop("service", "referrals")
    return {
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": changes.pop("id", "b7ad6b7169203331"),
        "parent_id": changes.pop("under", ""),
        "service": service,
        "name": name,
        "kind": "internal",
        "start_ns": at,
        "end_ns": at + took,
        "status": "unset",
        "message": "",
        "attributes": {},
        "events": [],
        "links": [],
        "resource": {"service.name": service},
        "scope": "chassis",
        **changes,
    }
