"""The token endpoint (RFC 6749, RFC 8693) and the keys (RFC 7517).

Errors are those of RFC 6749 section 5.2 and say nothing that tells an unknown client from a wrong secret. Somebody who
guesses at one client from one address is refused for a while without being looked at.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, unquote_plus
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chassis.runtime import Runtime, runtime_of
from partners.adapters.postgres.clients import PostgresClients
from partners.adapters.postgres.organisations import PostgresMembers
from partners.adapters.signing import TokenSigner
from partners.adapters.throttle import Throttle
from partners.app.issue_token import Grant, authenticate, grant_to_client, grant_to_member
from partners.domain.access import Client
from partners.domain.errors import NotFound, ScopeNotAllowed

Parts = Annotated[Runtime, Depends(runtime_of)]

BODY_BYTES_MAX = 8_192
FIELDS_MAX = 12
KEYS_AGE_SECONDS = 300

CLIENT_CREDENTIALS: Final = "client_credentials"
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
MEMBER_TYPE: Final = "urn:maillage:member"
ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"


class OAuthRefusal(Exception):
    """A token request is refused, in the words of RFC 6749."""

    def __init__(self, status: int, error: str, description: str, **headers: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.description = description
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> JSONResponse:
        """Return the answer that says so."""
        document = {"error": self.error, "error_description": self.description}
        return JSONResponse(document, self.status, headers={"cache-control": "no-store", **self.headers})


def _invalid_request(description: str) -> OAuthRefusal:
    return OAuthRefusal(400, "invalid_request", description)


def _invalid_client() -> OAuthRefusal:
    return OAuthRefusal(
        401, "invalid_client", "client authentication failed", www_authenticate='Basic realm="maillage"'
    )


def token_routes(signer: TokenSigner, throttle: Throttle) -> APIRouter:
    """Return the routes that issue tokens and publish the keys."""
    router = APIRouter()

    @router.get("/.well-known/jwks.json")
    async def keys() -> JSONResponse:
        """Publish the keys that verify access tokens."""
        return JSONResponse(signer.published(), headers={"cache-control": f"public, max-age={KEYS_AGE_SECONDS}"})

    @router.post("/oauth/token")
    async def token(request: Request, runtime: Parts) -> JSONResponse:
        """Issue an access token of five minutes, or of what is left of its secret."""
        try:
            grant, is_exchange = await _grant(request, runtime, throttle)
        except OAuthRefusal as refusal:
            return refusal.response()
        signed, lifetime_seconds = signer.sign(grant)
        answer: dict[str, Any] = {
            "access_token": signed,
            "token_type": "Bearer",
            "expires_in": lifetime_seconds,
            "scope": " ".join(sorted(grant.scopes)),
        }
        if is_exchange:
            answer["issued_token_type"] = ACCESS_TOKEN_TYPE
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    return router


async def _grant(request: Request, runtime: Runtime, throttle: Throttle) -> tuple[Grant, bool]:
    form = await _form(request)
    client_id, secret = _credentials(request, form)
    kind = form.get("grant_type")
    if kind is None:
        raise _invalid_request("grant_type is missing")
    if kind not in (CLIENT_CREDENTIALS, TOKEN_EXCHANGE):
        raise OAuthRefusal(400, "unsupported_grant_type", "client_credentials or token-exchange")
    peer = request.client.host if request.client else ""
    wait = throttle.wait_seconds(client_id, peer)
    if wait:
        raise OAuthRefusal(429, "invalid_client", "too many failed attempts", retry_after=str(wait))
    async with runtime.db.connection() as connection:
        proven = await authenticate(PostgresClients(connection), client_id, secret, runtime.clock.now())
        if proven is None:
            throttle.failed(client_id, peer)
            raise _invalid_client()
        asked = form["scope"].split() if "scope" in form else None
        try:
            if kind == CLIENT_CREDENTIALS:
                return grant_to_client(proven, asked), False
            return await _exchange(PostgresMembers(connection), form, proven.client, asked), True
        except ScopeNotAllowed:
            raise OAuthRefusal(400, "invalid_scope", "more than this client or member may have") from None


async def _exchange(members: PostgresMembers, form: dict[str, str], client: Client, asked: list[str] | None) -> Grant:
    if "members:act" not in client.scopes:
        raise OAuthRefusal(400, "unauthorized_client", "this client does not act for members")
    if form.get("subject_token_type") != MEMBER_TYPE:
        raise _invalid_request(f"subject_token_type must be {MEMBER_TYPE}")
    try:
        member_id = UUID(form.get("subject_token", ""))
    except ValueError:
        raise _invalid_request("subject_token is not a member's id") from None
    try:
        return await grant_to_member(members, client, member_id, asked)
    except NotFound:
        raise _invalid_request("subject_token names no member") from None


async def _form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise _invalid_request("the body must be application/x-www-form-urlencoded")
    body = await request.body()
    if len(body) > BODY_BYTES_MAX:
        raise _invalid_request("the body is too long")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise _invalid_request("the body is malformed") from None
    form = {name: value for name, value in pairs if value}
    if len({name for name, _ in pairs}) != len(pairs):
        raise _invalid_request("a parameter is repeated")
    return form


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    header = request.headers.get("authorization")
    if header is None:
        if "client_id" not in form or "client_secret" not in form:
            raise _invalid_client()
        return form["client_id"], form["client_secret"]
    if "client_secret" in form:
        raise _invalid_request("two ways of client authentication")
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise _invalid_client() from None
    client_id, separator, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not separator:
        raise _invalid_client()
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if form.get("client_id", client_id) != client_id:
        raise _invalid_request("two client ids")
    return client_id, secret
