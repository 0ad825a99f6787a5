"""The services' public HTTP APIs, called as an outside client would: tokens by client
credentials, problems as refusals.

Nothing here prints or keeps what an answer says about a person.
"""

from __future__ import annotations

import ssl
import time
from typing import Any

import httpx

from maillage.errors import Refusal

TIMEOUT_SECONDS = 40.0
"""Above the longest long poll (25 s) with room for a loaded machine."""
EARLY_SECONDS = 30.0
"""A token is renewed this long before it ends."""

CORRECT = "corrigez ce que nomme la réponse · correct what the answer names"
WHO = "vérifiez MAILLAGE_OPERATOR_CLIENT_ID et son secret · check the operator's client"
REMEDIES = {
    400: CORRECT,
    401: WHO,
    403: WHO,
    404: "vérifiez l'identifiant ou le numéro · check the id or number",
    409: CORRECT,
    422: CORRECT,
}
"""What whoever asked can do about a refusal, by its status; any other is the service's own trouble."""


class Client:
    """One API client of one organisation."""

    def __init__(self, http: httpx.AsyncClient, token_url: str, client_id: str, client_secret: str) -> None:
        self._http = http
        self._token_url = token_url
        self._credentials = (client_id, client_secret)
        self._token = ""
        self._renew_at = 0.0

    async def token(self) -> str:
        """Return an access token that lasts for a while yet."""
        if time.monotonic() >= self._renew_at:
            document = check(
                await send(
                    self._http,
                    "POST",
                    self._token_url,
                    auth=self._credentials,
                    data={"grant_type": "client_credentials"},
                )
            )
            self._token = str(document["access_token"])
            self._renew_at = time.monotonic() + float(document.get("expires_in", 60)) - EARLY_SECONDS
        return self._token

    async def call(
        self, method: str, url: str, *, json: Any = None, headers: dict[str, str] | None = None, **params: Any
    ) -> httpx.Response:
        """Call a route with this client's token; return the response whatever its status."""
        return await send(
            self._http,
            method,
            url,
            json=json,
            params={name: value for name, value in params.items() if value is not None} or None,
            headers={**(headers or {}), "Authorization": f"Bearer {await self.token()}"},
        )

    async def get(self, url: str, **params: Any) -> Any:
        """GET a JSON document, or refuse."""
        return check(await self.call("GET", url, **params))

    async def put(self, url: str, json: Any = None) -> Any:
        """PUT and return the JSON answer, or refuse."""
        return check(await self.call("PUT", url, json=json))

    async def post(self, url: str, json: Any = None, headers: dict[str, str] | None = None) -> Any:
        """POST and return the JSON answer, or refuse."""
        return check(await self.call("POST", url, json=json, headers=headers))

    async def delete(self, url: str) -> Any:
        """DELETE, or refuse."""
        return check(await self.call("DELETE", url))


async def send(http: httpx.AsyncClient, method: str, url: str, **arguments: Any) -> httpx.Response:
    """Send a request and return the response whatever its status; refuse when nobody answers."""
    try:
        return await http.request(method, url, **arguments)
    except httpx.HTTPError as error:
        address = f"{httpx.URL(url).host}:{httpx.URL(url).port}"
        raise Refusal(
            f"Un service ne répond pas ({address}, {type(error).__name__}) · a service does not answer",
            "maillage status · maillage doctor",
        ) from None


def check(response: httpx.Response) -> Any:
    """Return the JSON of a successful answer, or refuse with the status and the problem's code: never its values."""
    if response.is_success:
        return response.json() if response.content else {}
    try:
        document = response.json()
    except ValueError:
        document = {}
    code = document.get("code") or document.get("error") or "" if isinstance(document, dict) else ""
    fields = ", ".join(str(e.get("field")) for e in document.get("errors") or ()) if isinstance(document, dict) else ""
    detail = " ".join(part for part in (str(response.status_code), str(code), fields and f"({fields})") if part)
    raise Refusal(
        f"{response.request.method} {response.request.url.path} a répondu {detail} · the API refused",
        REMEDIES.get(response.status_code, "maillage doctor"),
    )


def http_client(timeout_seconds: float = TIMEOUT_SECONDS, *, anywhere: bool = False) -> httpx.AsyncClient:
    """Return an HTTP client for Maillage's services: no proxy of the environment applies to them.

    On this machine they speak plain HTTP on loopback: it trusts no certificate, and saves 35 ms of reading those of the
    machine. `anywhere`, for a site's, trusts the machine's.
    """
    trusted = ssl.create_default_context() if anywhere else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(trust_env=False, timeout=timeout_seconds, verify=trusted)
