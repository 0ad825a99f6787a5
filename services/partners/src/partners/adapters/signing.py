"""Access tokens, signed; and the public key that others verify them with.

The key's id is its RFC 7638 thumbprint, so a new key has a new id and verifiers fetch it when they first meet it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from chassis.clock import Clock
from chassis.errors import SettingsRefused
from chassis.ids import new_id
from chassis.token_format import ALGORITHM, AUDIENCE, LIFETIME_SECONDS, encode_token
from partners.app.issue_token import Grant


class TokenSigner:
    """Signs tokens in the name of one issuer."""

    def __init__(self, key: OKPKey, issuer: str, clock: Clock) -> None:
        self._key = key
        self._issuer = issuer
        self._clock = clock

    @classmethod
    def from_file(cls, path: Path, issuer: str, clock: Clock) -> TokenSigner:
        """Read the private key, or raise SettingsRefused."""
        try:
            pem = path.read_bytes()
        except OSError as error:
            raise SettingsRefused(f"MAILLAGE_SIGNING_KEY_FILE: cannot read {path} ({error.strerror})") from None
        try:
            key = OKPKey.import_key(pem)
        except (JoseError, ValueError):
            raise SettingsRefused(f"MAILLAGE_SIGNING_KEY_FILE: {path} holds no private key in PEM") from None
        if key.curve_name != "Ed25519" or not key.is_private:
            raise SettingsRefused(f"MAILLAGE_SIGNING_KEY_FILE: {path} must hold a private Ed25519 key")
        named = OKPKey.import_key(pem, {"kid": key.thumbprint()})
        return cls(named, issuer, clock)

    def sign(self, grant: Grant) -> tuple[str, int]:
        """Return the token of a grant, and for how many seconds it holds."""
        issued_at = int(self._clock.now().timestamp())
        lifetime = LIFETIME_SECONDS
        if grant.until is not None:
            lifetime = min(lifetime, max(0, int(grant.until.timestamp()) - issued_at))
        organisation = grant.organisation
        token = encode_token(
            {
                "iss": self._issuer,
                "aud": AUDIENCE,
                "sub": grant.subject,
                "client_id": grant.client_id,
                "org": str(organisation.organisation_id),
                "org_code": organisation.code,
                "org_kind": organisation.kind.value,
                "scope": " ".join(sorted(grant.scopes)),
                "grant": str(grant.grant_id),
                "iat": issued_at,
                "exp": issued_at + lifetime,
                "jti": str(new_id()),
                # Absent from tokens of real organisations: they are as they were before there was a sandbox.
                **({"sandbox": True} if organisation.sandbox else {}),
            },
            self._key,
        )
        return token, lifetime

    def published(self) -> dict[str, Any]:
        """Return the document of /.well-known/jwks.json."""
        public = self._key.as_dict(private=False)
        return {"keys": [{**public, "kid": self._key.kid, "use": "sig", "alg": ALGORITHM}]}
