"""Access tokens for tests, signed by a key of their own; for every service's tests.

    issuer = Issuer()
    app = create_app(settings)
    issuer.trusted_by(app)              # the app now believes this issuer, and only this one
    headers = issuer.bearer(organisation_id, code="asso1", kind="association", scope="referrals:write")

`Issuer.token(..., key=OTHER)` signs with a key that is not published; any claim can be changed by name.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from joserfc.jwk import OKPKey

from chassis.auth import TokenVerifier
from chassis.clock import Clock, SystemClock
from chassis.ids import new_id
from chassis.runtime import Runtime
from chassis.token_format import AUDIENCE, LIFETIME_SECONDS, encode_token

ISSUER_URL = "https://issuer.test"


class Issuer:
    """Signs tokens, and publishes its key to the apps that are told to trust it."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.key = OKPKey.generate_key("Ed25519", {"kid": "test-key"})
        self._clock = clock or SystemClock()

    def trusted_by(self, app: FastAPI) -> None:
        """Make `app` verify tokens with this issuer's key, without any network."""
        runtime: Runtime = app.state.runtime
        runtime.tokens = TokenVerifier(
            f"{ISSUER_URL}/.well-known/jwks.json",
            ISSUER_URL,
            runtime.clock,
            runtime.directory.is_revoked,
            http=httpx.AsyncClient(transport=httpx.MockTransport(self._publish)),
        )

    def token(
        self, organisation_id: UUID, *, code: str, kind: str, scope: str, key: OKPKey | None = None, **claims: Any
    ) -> str:
        """Return a token of five minutes; `claims` replace the usual ones."""
        now = int(self._clock.now().timestamp())
        usual = {
            "iss": ISSUER_URL, "aud": AUDIENCE, "sub": f"client-{code}", "client_id": f"client-{code}",
            "org": str(organisation_id), "org_code": code, "org_kind": kind, "scope": scope,
            "iat": now, "exp": now + LIFETIME_SECONDS, "jti": str(new_id()),
        }  # fmt: skip
        return encode_token(usual | claims, key or self.key)

    def bearer(self, organisation_id: UUID, *, code: str, kind: str, scope: str, **claims: Any) -> dict[str, str]:
        """Return the header that presents such a token."""
        return {"authorization": f"Bearer {self.token(organisation_id, code=code, kind=kind, scope=scope, **claims)}"}

    def _publish(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"keys": [self.key.as_dict(private=False)]})
