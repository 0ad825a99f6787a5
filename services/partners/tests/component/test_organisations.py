"""The operators' routes, on the running service."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import pytest

from chassis.db import Database

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
MEMBER = {"subject_token_type": "urn:maillage:member"}

BODY = {
    "name": "Département d’exemple",
    "kind": "council",
    "phone": "01 99 00 00 93",
    "postal_address": "93 avenue de l’Exemple\n93000 Bobigny",
    "territory": {"communes": [], "epcis": [], "departements": [], "collectivities": ["93D"]},
}


async def published(db: Database) -> list[tuple[str, dict[str, Any]]]:
    async with db.connection() as tx:
        rows = await tx.fetch("SELECT type, payload FROM outbox ORDER BY position")
    return [(row["type"].split(".", 3)[3], json.loads(row["payload"])) for row in rows]


async def test_organisation_is_registered_once_when_put_twice(service: Service, db: Database) -> None:
    first = await service.call("PUT", "/organisations/cd93", json=BODY)
    second = await service.call("PUT", "/organisations/cd93", json=BODY)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    [(kind, event)] = await published(db)
    assert kind == "organisation.registered.v1"
    assert event["organisation_id"] == first.json()["organisation_id"]
    assert (event["aggregate_version"], event["territory"]) == (1, BODY["territory"])
    assert (await service.call("GET", "/organisations/cd93")).json() == first.json()
    assert (await service.call("GET", "/organisations")).json() == {"items": [first.json()]}


async def test_change_is_published_with_the_next_version_when_something_differs(service: Service, db: Database) -> None:
    await service.call("PUT", "/organisations/cd93", json=BODY)

    renamed = await service.call("PUT", "/organisations/cd93", json={**BODY, "name": "Autre nom d’exemple"})
    moved = await service.call("PUT", "/organisations/cd93/territory", json={"communes": ["93048"]})

    assert (renamed.json()["version"], moved.json()["version"]) == (2, 3)
    assert moved.json()["name"] == "Autre nom d’exemple"
    events = await published(db)
    assert [(kind, event["aggregate_version"]) for kind, event in events] == [
        ("organisation.registered.v1", 1),
        ("organisation.changed.v1", 2),
        ("organisation.changed.v1", 3),
    ]
    assert events[-1][1]["territory"]["communes"] == ["93048"]


async def test_email_is_published_and_shown_and_leaves_when_left_out(service: Service, db: Database) -> None:
    given = await service.call("PUT", "/organisations/cd93", json={**BODY, "email": "accueil@example.org"})
    moved = await service.call("PUT", "/organisations/cd93/territory", json={"communes": ["93048"]})
    taken_back = await service.call("PUT", "/organisations/cd93", json=BODY)

    assert [answer.json()["email"] for answer in (given, moved, taken_back)] == [
        "accueil@example.org",
        "accueil@example.org",
        None,
    ]
    assert [event["email"] for _, event in await published(db)] == ["accueil@example.org", "accueil@example.org", None]


@pytest.mark.parametrize(
    ("kind", "role", "scope"),
    [("employment_service", "adviser", "accompaniments:act"), ("training_provider", "trainer", "sessions:write")],
)
async def test_new_kinds_take_part_like_the_others(
    service: Service, db: Database, kind: str, role: str, scope: str
) -> None:
    registered = await service.organisation("org1", kind, departements=["93"])
    client = (await service.call("POST", "/organisations/org1/clients")).json()
    member = await service.call(
        "POST", "/organisations/org1/members", json={"role": role, "label": "Un poste d’exemple"}
    )

    assert scope in client["scopes"]
    [(name, event)] = await published(db)
    assert (name, event["kind"]) == ("organisation.registered.v1", kind)
    assert event["territory"] == registered["territory"]
    assert member.status_code == 201
    [listed] = (await service.call("GET", "/members", by="portal")).json()["items"]
    assert (listed["role"], listed["organisation"]["kind"]) == (role, kind)
    token = await service.token("portal", grant_type=EXCHANGE, subject_token=listed["member_id"], **MEMBER)
    assert scope in token.json()["scope"].split()
    assert [one["code"] for one in (await service.call("GET", "/organisations")).json()["items"]] == ["org1"]
    own = await service.headers(client["client_id"], client["client_secret"])
    assert (await service.http.get("/feed", headers=own)).json()["events"] == []


async def test_employment_services_may_share_a_place_and_are_named_by_its_collectivity(service: Service) -> None:
    await service.call("PUT", "/organisations/cd93", json=BODY)

    first = await service.organisation("ft93", "employment_service", departements=["93"])
    second = await service.organisation("ft93b", "employment_service", collectivities=["93D"])

    assert first["territory"] == second["territory"]
    assert first["territory"]["collectivities"] == ["93D"]
    body = {**BODY, "kind": "employment_service", "territory": {"communes": ["01091"]}}
    refused = await service.call("PUT", "/organisations/ft01", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_territory")


async def test_territory_is_refused_with_the_successors_name_when_a_commune_merged(service: Service) -> None:
    answer = await service.call(
        "PUT", "/organisations/cd93", json={**BODY, "territory": {"communes": ["93048", "01091"]}}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_territory")
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert error["field"] == "territory.communes[0]"
    assert "Valserhône (01033)" in error["message"]
    assert (await service.call("GET", "/organisations/cd93")).status_code == 404


async def test_collectivity_is_refused_when_another_council_answers_for_it(service: Service) -> None:
    await service.call("PUT", "/organisations/cd93", json=BODY)

    answer = await service.call("PUT", "/organisations/double", json=BODY)

    assert (answer.status_code, answer.json()["code"]) == (409, "jurisdiction_taken")
    by_number = {**BODY, "territory": {"departements": ["93"]}}
    answer = await service.call("PUT", "/organisations/double", json=by_number)
    assert (answer.status_code, answer.json()["code"]) == (409, "jurisdiction_taken"), "the same place by another name"
    association = await service.call("PUT", "/organisations/asso1", json={**BODY, "kind": "association"})
    assert association.status_code == 201


async def test_body_is_refused_naming_the_field_when_it_is_wrong(service: Service) -> None:
    for change, field in (
        ({"name": ""}, "name"),
        ({"kind": "operator"}, "kind"),
        ({"phone": "appelez-moi"}, "phone"),
        ({"surprise": 1}, "surprise"),
        ({"territory": {"regions": []}}, "territory.regions"),
        ({"postal_address": "a\x00b"}, "postal_address"),
        ({"email": "accueil"}, "email"),
        ({"email": "a@example.org\nBcc: b@example.org"}, "email"),
        ({"email": "Accueil <a@example.org>"}, "email"),
        ({"email": ""}, "email"),
    ):
        answer = await service.call("PUT", "/organisations/cd93", json={**BODY, **change})

        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), field
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await service.call("GET", "/organisations")).json() == {"items": []}


async def test_code_is_refused_when_it_could_not_name_a_topic(service: Service) -> None:
    for code in ("a", "CD93", "cd-93", "x" * 21):
        assert (await service.call("PUT", f"/organisations/{code}", json=BODY)).status_code == 422, code


async def test_platform_codes_and_kinds_stay_what_they_are(service: Service) -> None:
    await service.call("PUT", "/organisations/cd93", json=BODY)

    reserved = await service.call("PUT", "/organisations/operator", json=BODY | {"territory": {}})
    other_kind = await service.call("PUT", "/organisations/cd93", json={**BODY, "kind": "association"})
    client = await service.call("POST", "/organisations/operator/clients")

    assert [(a.status_code, a.json()["code"]) for a in (reserved, other_kind, client)] == [
        (409, "code_reserved"),
        (409, "kind_immutable"),
        (409, "code_reserved"),
    ]


async def test_routes_are_refused_without_the_right_scope(service: Service) -> None:
    await service.call("PUT", "/organisations/cd93", json=BODY)
    own = await service.client_of("cd93")
    routes = [
        ("PUT", "/organisations/cd93"),
        ("PUT", "/organisations/cd93/territory"),
        ("GET", "/organisations"),
        ("GET", "/organisations/cd93"),
        ("POST", "/organisations/cd93/clients"),
        ("DELETE", "/organisations/cd93/clients/x"),
        ("POST", "/organisations/cd93/members"),
        ("GET", "/organisations/cd93/members"),
        ("PUT", "/organisations/cd93/members/01900000-0000-7000-8000-00000000dead"),
        ("GET", "/organisations/cd93/clients"),
        ("GET", "/join-requests"),
        ("PUT", "/organisations/cd93/kafka-access"),
        ("GET", "/organisations/cd93/kafka-access"),
        ("DELETE", "/organisations/cd93/kafka-access"),
    ]

    for method, path in routes:
        assert (await service.http.request(method, path, json={})).status_code == 401, (method, path)
        assert (await service.http.request(method, path, json={}, headers=own)).status_code == 403, (method, path)
    assert (await service.call("GET", "/feed")).status_code == 403


async def test_member_is_the_same_when_added_twice_and_listed_for_the_portal(service: Service) -> None:
    await service.call("PUT", "/organisations/cd93", json=BODY)
    body = {"role": "caseworker", "label": "Travailleuse sociale d’exemple"}

    first = await service.call("POST", "/organisations/cd93/members", json=body)
    second = await service.call("POST", "/organisations/cd93/members", json=body)
    other = await service.call("POST", "/organisations/cd93/members", json={**body, "role": "volunteer"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert (other.status_code, other.json()["code"]) == (409, "label_taken")
    [listed] = (await service.call("GET", "/members", by="portal")).json()["items"]
    assert (listed["member_id"], listed["label"]) == (first.json()["member_id"], body["label"])
    assert listed["organisation"]["code"] == "cd93"
    by_operator = await service.call("GET", "/organisations/cd93/members")
    assert by_operator.json()["items"] == [listed]


async def test_client_scopes_are_refused_when_the_kind_has_them_not(service: Service) -> None:
    await service.call("PUT", "/organisations/cd93", json=BODY)

    answer = await service.call("POST", "/organisations/cd93/clients", json={"scopes": ["referrals:write"]})

    assert (answer.status_code, answer.json()["code"]) == (422, "scope_not_allowed")
    unknown = await service.call("POST", "/organisations/nobody/clients")
    assert unknown.status_code == 404
