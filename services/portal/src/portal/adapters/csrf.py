"""The token every form carries back, derived from the browser's own cookie so that nothing has to be stored."""

from __future__ import annotations

import hashlib
import hmac


def csrf_of(cookie: str) -> str:
    """Return the form token of a browser; who does not hold the cookie cannot make it."""
    return hmac.new(cookie.encode("utf-8"), b"maillage portal form", hashlib.sha256).hexdigest()


def csrf_matches(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode("utf-8"), given.encode("utf-8"))
