"""Who is calling: verify access tokens offline, and obtain this service's own.

A token is trusted only if an Ed25519 key published at the JWKS address signed it, for us, and neither its client is
revoked nor that on which it was issued (a secret, a member's role). Revocation and expiry are looked at on every
request, also when the signature was verified before. Without any key the answer is "come back later" (DependencyDown),
never "no".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import Depends, Request
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from chassis.clock import Clock
from chassis.outgoing import internal_client
from chassis.problems import Problem
from chassis.published_keys import PublishedKeys
from chassis.sentences import Said
from chassis.service_tokens import AccessRefused, ServiceTokens
from chassis.token_format import ALGORITHM, AUDIENCE, REGISTRY

__all__ = ["AccessRefused", "Caller", "ServiceTokens", "TokenVerifier", "require"]

LEEWAY_SECONDS = 60
"""How far the clocks of two machines may differ."""

VERIFIED_MAX = 4_096
"""Verified tokens remembered: at 1 KiB each, 4 MiB; a token lives five minutes."""

TOKEN_CHARACTERS_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a verified token speaks for."""

    client_id: str
    subject: str
    organisation_id: UUID
    organisation_code: str
    organisation_kind: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    issued_at: float
    expires_at: float
    grant: str | None
    """On what it was issued; tokens of other issuers may not say."""


class TokenVerifier:
    """Turns the text of an access token into a Caller, or raises a 401 Problem."""

    def __init__(
        self,
        jwks_url: str,
        issuer: str,
        clock: Clock,
        revoked: Callable[[str], bool],
        *,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._issuer = issuer
        self._clock = clock
        self._revoked = revoked
        self._http = http or internal_client()
        self._keys = PublishedKeys(jwks_url, clock, self._http)
        self._verified: OrderedDict[str, _Verified] = OrderedDict()

    async def close(self) -> None:
        """Close the connections to the issuer."""
        self._keys.close()
        await self._http.aclose()

    async def verify(self, token: str) -> Caller:
        """Return who the token speaks for; 401 Problem if it is not valid now, DependencyDown if nobody can say."""
        known = self._verified.get(token)
        if known is None:
            known = await self._verify_signature(token)
            self._verified[token] = known
            if len(self._verified) > VERIFIED_MAX:
                self._verified.popitem(last=False)
        else:
            self._verified.move_to_end(token)
        self._keys.renew_if_stale()
        self._check_now(token, known)
        return known.caller

    def _check_now(self, token: str, known: _Verified) -> None:
        now = self._clock.now().timestamp()
        if now >= known.expires_at + LEEWAY_SECONDS:
            self._verified.pop(token, None)
            raise _unauthenticated("token_expired", Said("Ce jeton a expiré.", "This token has expired."))
        if known.issued_at > now + LEEWAY_SECONDS:
            raise _invalid()
        if self._revoked(known.caller.client_id) or (known.grant is not None and self._revoked(known.grant)):
            self._verified.pop(token, None)
            raise _unauthenticated("token_revoked", Said("Cet accès a été révoqué.", "This access was revoked."))

    async def _verify_signature(self, token: str) -> _Verified:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise _invalid()
        try:
            claims = self._decode(token)
        except _UnknownKey:
            await self._keys.refresh()
            try:
                claims = self._decode(token)
            except _UnknownKey:
                raise _invalid() from None
        return self._read(claims)

    def _decode(self, token: str) -> Mapping[str, Any]:
        def find(signed: jwk.GuestProtocol) -> jwk.OKPKey:
            headers = signed.headers()
            if headers.get("alg") != ALGORITHM or not isinstance(headers.get("kid"), str):
                raise _invalid()
            key = self._keys.get(headers["kid"])
            if key is None:
                raise _UnknownKey
            return key

        try:
            return jwt.decode(token, find, registry=REGISTRY).claims
        except (JoseError, ValueError, TypeError):
            raise _invalid() from None

    def _read(self, claims: Mapping[str, Any]) -> _Verified:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self._issuer or AUDIENCE not in audiences:
            raise _invalid()
        try:
            caller = Caller(
                client_id=_text(claims, "client_id"),
                subject=_text(claims, "sub"),
                organisation_id=UUID(_text(claims, "org")),
                organisation_code=_text(claims, "org_code"),
                organisation_kind=_text(claims, "org_kind"),
                scopes=frozenset(_text(claims, "scope").split()),
            )
            grant = _text(claims, "grant") if "grant" in claims else None
            return _Verified(caller, _instant(claims, "iat"), _instant(claims, "exp"), grant)
        except ValueError:
            raise _invalid() from None


class _UnknownKey(Exception):
    """The token names a key that has not been fetched."""


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise ValueError(name)
    return value


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(name)
    return float(value)


def _unauthenticated(code: str, title: Said, challenge: str = ', error="invalid_token"') -> Problem:
    return Problem(401, code, title, headers={"www-authenticate": f'Bearer realm="{AUDIENCE}"{challenge}'})


def _invalid() -> Problem:
    return _unauthenticated("token_invalid", Said("Ce jeton n’est pas valable.", "This token is not valid."))


def require(*scopes: str) -> Any:
    """Return the FastAPI dependency that yields the Caller, if its token holds every one of `scopes`.

    Reads the verifier at `request.app.state.runtime.tokens`. 401 without a valid token, 403 without a scope.
    """
    needed = frozenset(scopes)

    async def caller_of(request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthenticated(
                "token_missing", Said("Il faut un jeton d’accès.", "An access token is needed."), challenge=""
            )
        verifier: TokenVerifier = request.app.state.runtime.tokens
        caller = await verifier.verify(token.strip())
        if not needed <= caller.scopes:
            raise Problem(
                403,
                "scope_missing",
                Said("Ce jeton ne permet pas cette action.", "This token does not allow this action."),
                Said(f"Il faut : {' '.join(sorted(needed))}.", f"Needed: {' '.join(sorted(needed))}."),
                headers={
                    "www-authenticate": f'Bearer realm="{AUDIENCE}", error="insufficient_scope", '
                    f'scope="{" ".join(sorted(needed))}"'
                },
            )
        return caller

    return Depends(caller_of)
