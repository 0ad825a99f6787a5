"""The one form of an access token: a JWT signed with EdDSA over Ed25519, for the audience `maillage`.

The issuer (partners) and everybody who verifies share this registry, which knows no other algorithm: what is not in it
cannot be negotiated. joserfc warns about the name `EdDSA` since RFC 9864 named the curves; partners' libraries know the
old name, so we keep it, with keys restricted to Ed25519.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import UnsupportedAlgorithmError
from joserfc.jwa import EdDSAAlgorithm, JWSAlgModel
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

ALGORITHM: Final = "EdDSA"
AUDIENCE: Final = "maillage"
LIFETIME_SECONDS: Final = 300


class _OnlyEdDSA(JWSRegistry):
    _algorithm = EdDSAAlgorithm()

    def get_alg(self, name: str) -> JWSAlgModel:
        if name != ALGORITHM:
            raise UnsupportedAlgorithmError("not an algorithm of ours")
        return self._algorithm


REGISTRY: Final = _OnlyEdDSA(algorithms=[ALGORITHM])


def encode_token(claims: Mapping[str, Any], key: OKPKey) -> str:
    """Return the signed token; `key` is a private Ed25519 key with an id."""
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, dict(claims), key, registry=REGISTRY)
