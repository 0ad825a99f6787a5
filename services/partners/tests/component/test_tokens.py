"""What the token endpoint issues, refuses and says."""

from __future__ import annotations

import base64
from typing import Any, TypeAlias

from joserfc import jwt
from joserfc.jwk import KeySet

from chassis.token_format import REGISTRY

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
MEMBER = "urn:maillage:member"


async def claims_of(service: Service, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set((await service.http.get("/.well-known/jwks.json")).json())
    return dict(jwt.decode(token, keys, registry=REGISTRY).claims)


async def test_token_carries_client_organisation_and_scopes_when_credentials_are_right(service: Service) -> None:
    answer = await service.token("operator")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "operations")
    claims = await claims_of(service, body["access_token"])
    assert claims["iss"] == "http://issuer.example"
    assert claims["aud"] == "maillage"
    assert claims["client_id"] == claims["sub"] == "operator"
    assert (claims["org_code"], claims["org_kind"], claims["scope"]) == ("operator", "operator", "operations")
    assert claims["exp"] == claims["iat"] + 300


async def test_published_keys_hold_nothing_private(service: Service) -> None:
    [key] = (await service.http.get("/.well-known/jwks.json")).json()["keys"]

    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert (key["crv"], key["alg"]) == ("Ed25519", "EdDSA")


async def test_client_is_refused_alike_when_unknown_or_when_the_secret_is_wrong(service: Service) -> None:
    wrong = await service.token("operator", "not the secret")
    unknown = await service.token("nobody", "not the secret")

    assert wrong.status_code == unknown.status_code == 401
    assert (
        wrong.json()
        == unknown.json()
        == {
            "error": "invalid_client",
            "error_description": "client authentication failed",
        }
    )
    assert wrong.headers["www-authenticate"].startswith("Basic")


async def test_secret_in_the_form_is_accepted_but_not_beside_basic(service: Service) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "operator",
        "client_secret": "secret-of-operator",
    }

    assert (await service.http.post("/oauth/token", data=form)).status_code == 200
    both = await service.http.post("/oauth/token", data=form, auth=("operator", "secret-of-operator"))
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")


async def test_malformed_requests_are_refused_in_the_words_of_the_standard(service: Service) -> None:
    async def error(**options: Any) -> tuple[int, str]:
        answer = await service.http.post("/oauth/token", **options)
        return answer.status_code, answer.json()["error"]

    auth = ("operator", "secret-of-operator")
    assert await error(data={"scope": "x"}, auth=auth) == (400, "invalid_request")
    assert await error(data={"grant_type": "password"}, auth=auth) == (400, "unsupported_grant_type")
    assert await error(json={"grant_type": "client_credentials"}, auth=auth) == (400, "invalid_request")
    assert await error(data={"grant_type": "client_credentials"}) == (401, "invalid_client")
    broken = {"authorization": "Basic %%%"}
    assert await error(data={"grant_type": "client_credentials"}, headers=broken) == (401, "invalid_client")
    no_utf8 = {"authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}
    assert await error(data={"grant_type": "client_credentials"}, headers=no_utf8) == (401, "invalid_client")
    repeated = "grant_type=client_credentials&grant_type=client_credentials"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert await error(content=repeated, headers=form, auth=auth) == (400, "invalid_request")
    assert await error(content=b"grant_type=%ff", headers=form, auth=auth) == (400, "invalid_request")
    assert await error(content="a=" + "b" * 9000, headers=form, auth=auth) == (400, "invalid_request")


async def test_scope_can_be_narrowed_and_never_widened(service: Service) -> None:
    await service.organisation("asso1", "association")
    created = (await service.call("POST", "/organisations/asso1/clients")).json()
    credentials = created["client_id"], created["client_secret"]

    narrowed = await service.token(*credentials, scope="feed:read")
    widened = await service.token(*credentials, scope="feed:read operations")

    assert narrowed.json()["scope"] == "feed:read"
    assert (widened.status_code, widened.json()["error"]) == (400, "invalid_scope")
    assert created["scopes"] == [
        "feed:read",
        "organisation:manage",
        "referrals:read",
        "referrals:write",
        "webhooks:manage",
    ]


async def test_exchange_speaks_for_a_member_when_the_portal_asks(service: Service) -> None:
    organisation = await service.organisation("asso1", "association")
    member = (
        await service.call("POST", "/organisations/asso1/members", json={"role": "volunteer", "label": "Bénévole"})
    ).json()

    answer = await service.token(
        "portal", grant_type=EXCHANGE, subject_token=member["member_id"], subject_token_type=MEMBER
    )

    assert answer.status_code == 200
    assert answer.json()["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    claims = await claims_of(service, answer.json()["access_token"])
    assert (claims["sub"], claims["client_id"]) == (member["member_id"], "portal")
    assert (claims["org"], claims["org_kind"]) == (organisation["organisation_id"], "association")
    assert claims["scope"] == "feed:read referrals:read referrals:write"


async def test_exchange_is_refused_to_other_clients_and_for_unknown_members(service: Service) -> None:
    nobody = "01900000-0000-7000-8000-00000000dead"

    async def error(client: str, **form: str) -> str:
        answer = await service.token(client, **{"grant_type": EXCHANGE, **form})
        assert answer.status_code == 400
        return str(answer.json()["error"])

    assert await error("operator", subject_token=nobody, subject_token_type=MEMBER) == "unauthorized_client"
    assert await error("portal", subject_token=nobody, subject_token_type=MEMBER) == "invalid_request"
    assert await error("portal", subject_token="x", subject_token_type=MEMBER) == "invalid_request"
    assert await error("portal", subject_token=nobody, subject_token_type="urn:other") == "invalid_request"


async def test_guessing_is_refused_after_ten_failures_and_others_are_not(service: Service) -> None:
    for _ in range(10):
        assert (await service.token("referrals", "a guess")).status_code == 401

    refused = await service.token("referrals")

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert (await service.token("operator")).status_code == 200


async def test_revoked_client_gets_no_token_and_an_event_says_so(service: Service, db: Any) -> None:
    await service.organisation("asso1", "association")
    created = (await service.call("POST", "/organisations/asso1/clients")).json()
    path = f"/organisations/asso1/clients/{created['client_id']}"

    assert (await service.call("DELETE", path)).status_code == 204
    assert (await service.call("DELETE", path)).status_code == 204

    assert (await service.token(created["client_id"], created["client_secret"])).status_code == 401
    async with db.connection() as connection:
        types = [row["type"] for row in await connection.fetch("SELECT type FROM outbox ORDER BY position")]
    assert types == [
        "fr.maillage.partners.organisation.registered.v1",
        "fr.maillage.partners.client.revoked.v1",
    ]
    other = await service.call("DELETE", f"/organisations/asso1/clients/{created['client_id']}x")
    assert (other.status_code, other.json()["code"]) == (404, "not_found")


async def test_secrets_are_stored_as_hashes_only(service: Service, db: Any) -> None:
    await service.organisation("asso1", "association")
    created = (await service.call("POST", "/organisations/asso1/clients")).json()

    async with db.connection() as connection:
        dump = str(
            [dict(row) for row in await connection.fetch("SELECT * FROM clients JOIN client_secrets USING (client_id)")]
        )

    assert len(base64.urlsafe_b64decode(created["client_secret"] + "==")) == 32
    assert created["client_secret"] not in dump
