"""Pages for managers and operators: who has them, what each act sends, and what is said when it is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from uuid import UUID

import pytest

from maillage_contracts.catalogue import Deprecation, Entry, Text, catalogue
from portal.adapters.http import access, webhooks
from portal.domain.member import Kind, Member

from .conftest import CASEWORKER, VOLUNTEER, Portal

MANAGER = Member(UUID(int=4), "Responsable des accès", "cd93", "Conseil de l’Exemple", Kind.COUNCIL, "manager")
TRAINERS = Member(UUID(int=5), "Responsable des accès", "of93", "Formation", Kind.TRAINING_PROVIDER, "manager")
OPERATOR = Member(UUID(int=6), "Opératrice", "operator", "operator", Kind.OPERATOR, "operator")
SECRET = {"secret_id": "s1", "created_at": "2026-11-20T09:00:00Z", "expires_at": None}
CLIENT = {
    "client_id": "cd93-k7", "scopes": ["feed:read", "newer:scope"], "created_at": "2026-11-20T09:00:00Z",
    "last_used_at": "2026-11-27T09:00:00Z", "secrets": [SECRET, {**SECRET, "secret_id": "s2"}],
}  # fmt: skip
DECLINED = "fr.maillage.referrals.referral.declined.v1"
WEBHOOK = {
    "webhook_id": "w1", "url": "https://hooks.exemple.test/maillage", "event_types": [DECLINED], "state": "active",
    "reason": None, "waiting": 2, "failures_in_a_row": 0, "secrets": [SECRET], "newer": "field",
}  # fmt: skip
TYPES = {
    "event_types": None, "always": ["fr.maillage.partners.stream.snapshot.v1"], "available": [DECLINED], "version": 3,
    "newer": "field",
}  # fmt: skip
POST = {"member_id": "m1", "role": "caseworker", "label": "Assistante sociale"}
ASKED = {"join_request_id": "r1", "state": "confirmed", "name": "Département", "kind": "council"}
MANAGED = ("/acces", "/membres", "/webhooks", "/evenements-recus")
OWN = (*MANAGED, "/fichiers")
"""An operator reads no other organisation's events."""
OPERATED = ("/demandes", "/demandes/r1", "/organisations", *(f"/organisations/cd93{path}" for path in MANAGED))


@pytest.fixture
def partners(portal: Portal) -> Portal:
    for before in ("", "/organisations/cd93"):
        portal.services.answers |= {
            ("GET", f"{before}/clients"): (200, {"items": [CLIENT]}),
            ("GET", f"{before}/members"): (200, {"items": [POST]}),
            ("GET", f"{before}/webhooks"): (200, {"items": [WEBHOOK]}),
            ("GET", f"{before}/event-types"): (200, TYPES),
            ("GET", f"{before}/webhooks/w1"): (200, WEBHOOK),
            ("GET", f"{before}/webhooks/w1/deliveries"): (200, {"items": [], "before": None}),
        }
    portal.services.answers |= {
        ("GET", "/join-requests"): (200, {"items": [ASKED]}),
        ("GET", "/join-requests/r1"): (200, ASKED),
        ("GET", "/organisations"): (200, {"items": [{"code": "cd93", "name": "Conseil", "kind": "council"}]}),
        ("GET", "/organisations/cd93"): (200, {"code": "cd93", "name": "Conseil", "kind": "council"}),
    }
    return portal


@pytest.mark.parametrize(
    ("member", "seen"),
    [(MANAGER, OWN), (TRAINERS, OWN), (OPERATOR, OPERATED), (CASEWORKER, ()), (VOLUNTEER, ())],
)
async def test_each_page_exists_for_whose_work_it_is_and_for_nobody_else(
    partners: Portal, member: Member, seen: tuple[str, ...]
) -> None:
    await partners.sign_in(member)
    for path in (*OWN, *OPERATED):
        page = await partners.browser.get(path)
        assert (path, page.status_code) == (path, 200 if path in seen else 404)


async def test_an_operator_is_shown_as_the_platform_s_team_and_never_by_the_code_of_its_client(
    partners: Portal,
) -> None:
    organisation = {"code": "operator", "name": "operator", "kind": "operator"}
    listed = {"member_id": str(OPERATOR.member_id), "label": OPERATOR.label, "organisation": organisation}
    partners.services.answers[("GET", "/members")] = (200, {"items": [listed]})
    choice = (await partners.browser.get("/connexion")).text
    await partners.sign_in(OPERATOR)
    bar = (await partners.browser.get("/demandes")).text

    assert "<legend>Équipe de la plateforme</legend>" in choice
    assert "<b>Équipe de la plateforme</b>" in bar
    assert "operator" not in choice + bar


async def test_manager_has_no_page_about_people(partners: Portal) -> None:
    await partners.sign_in(MANAGER)
    for path in ("/orientations", "/accompagnements", "/agenda"):
        assert (await partners.browser.get(path)).status_code == 404
    assert (await partners.browser.get("/connexion")).headers["location"] == "/acces"


ACTS: tuple[tuple[str, dict[str, str], str, str, object], ...] = (
    ("/acces/cd93-k7/secret", {"overlap": "24"}, "POST", "/clients/cd93-k7/secrets", {"overlap_hours": 24}),
    ("/acces/cd93-k7/secret/s1", {}, "DELETE", "/clients/cd93-k7/secrets/s1", None),
    ("/acces/cd93-k7/revocation", {}, "DELETE", "/clients/cd93-k7", None),
    ("/acces/kafka/mot-de-passe", {}, "POST", "/kafka-access/password", None),
    ("/membres", {"label": " Poste  1 ", "role": "caseworker"}, "POST", "/members",
     {"label": "Poste 1", "role": "caseworker"}),
    ("/membres/m1", {"label": "Poste 2", "role": "manager"}, "PUT", "/members/m1",
     {"label": "Poste 2", "role": "manager"}),
    ("/membres/m1/retrait", {}, "DELETE", "/members/m1", None),
    ("/webhooks", {"url": "https://a.test/", "types": DECLINED}, "POST", "/webhooks",
     {"url": "https://a.test/", "event_types": [DECLINED]}),
    ("/webhooks/w1/pause", {}, "POST", "/webhooks/w1/pause", None),
    ("/webhooks/w1/reprise", {}, "POST", "/webhooks/w1/resume", None),
    ("/webhooks/w1/defi", {}, "POST", "/webhooks/w1/verification", None),
    ("/webhooks/w1/essai", {}, "POST", "/webhooks/w1/test", None),
    ("/webhooks/w1/renvoi", {"event_id": "e1"}, "POST", "/webhooks/w1/redelivery", {"event_id": "e1"}),
    ("/webhooks/w1/renvoi", {"day": "24/11/2026"}, "POST", "/webhooks/w1/redelivery",
     {"since": "2026-11-23T23:00:00Z"}),
    ("/webhooks/w1/secret", {"overlap": "0"}, "POST", "/webhooks/w1/secrets", {"overlap_hours": 0}),
    ("/webhooks/w1/suppression", {}, "DELETE", "/webhooks/w1", None),
)  # fmt: skip
ANSWER = {
    **WEBHOOK, "username": "partner-cd93", "password": "shown",
    "client_id": "c", "client_secret": "shown", "secret": "shown", "outcome": "delivered", "member_id": "m",
}  # fmt: skip


@pytest.mark.parametrize(("path", "fields", "method", "route", "body"), ACTS)
@pytest.mark.parametrize(("member", "before"), [(MANAGER, ""), (OPERATOR, "/organisations/cd93")])
async def test_each_act_is_sent_with_the_member_s_access_and_only_from_our_own_form(
    partners: Portal, member: Member, before: str, path: str, fields: dict[str, str], method: str, route: str,
    body: object,
) -> None:  # fmt: skip
    partners.services.answers[(method, before + route)] = (200, ANSWER)
    csrf = await partners.sign_in(member)
    refused = await partners.post(before + path, {**fields, "jeton": "of another page"})
    assert refused.status_code == 409
    assert partners.services.asked_for(method, before + route) == []
    done = await partners.post(before + path, {**fields, "jeton": csrf, "cle": "1"})
    assert done.status_code == (200 if "shown" in done.text else 303)
    (asked,) = partners.services.asked_for(method, before + route)
    assert asked.headers["authorization"] == f"Bearer token of {member.member_id}"
    assert partners.services.bodies(method, before + route) == [body]
    if "shown" in done.text:
        again = await partners.post(before + path, {**fields, "jeton": csrf, "cle": "1"})
        assert ("shown" in again.text, len(partners.services.asked_for(method, before + route))) == (True, 1)
        colleague = replace(member, member_id=UUID(int=99))
        await partners.post(before + path, {**fields, "jeton": await partners.sign_in(colleague), "cle": "1"})
        assert len(partners.services.asked_for(method, before + route)) == 2


async def test_a_program_and_a_webhook_made_by_forms_without_a_name_are_two_things(partners: Portal) -> None:
    before = "/organisations/cd93"
    for route in ("/clients", "/webhooks"):
        partners.services.answers[("POST", before + route)] = (200, ANSWER)
    csrf = await partners.sign_in(OPERATOR)
    for path, fields in (("/acces", {}), ("/acces", {}), ("/webhooks", {"url": "https://a.test/"})):
        assert "shown" in (await partners.post(before + path, {**fields, "jeton": csrf})).text
    asked = [len(partners.services.asked_for("POST", before + route)) for route in ("/clients", "/webhooks")]
    assert asked == [2, 1]


@pytest.mark.parametrize(
    ("path", "fields", "route", "answer", "said"),
    [
        ("/membres", {"label": "", "role": "caseworker"}, None, None, "Indiquez le poste"),
        ("/membres", {"label": "A", "role": "operator"}, None, None, "Choisissez un rôle"),
        ("/membres", {"label": "A", "role": "manager"}, ("POST", "/members"), (409, {"code": "label_taken"}),
         "porte déjà ce nom"),
        ("/membres/m1", {"label": "A", "role": "caseworker"}, ("PUT", "/members/m1"), (409, {"code": "last_manager"}),
         "?fait=dernier"),
        ("/membres/m1/retrait", {}, ("DELETE", "/members/m1"), (409, {"code": "last_manager"}), "?fait=dernier"),
        ("/membres/m1/retrait", {}, ("DELETE", "/members/m1"), (404, {}), "?fait=membre-retire"),
        ("/acces/cd93-k7/secret", {}, None, None, "Choisissez combien de temps"),
        ("/acces/cd93-k7/secret", {"overlap": "24"}, ("POST", "/clients/cd93-k7/secrets"),
         (409, {"code": "too_many_secrets"}), "?fait=change"),
        ("/acces/cd93-k7/revocation", {}, ("DELETE", "/clients/cd93-k7"), (404, {}), "?fait=revoque"),
        ("/webhooks", {"url": ""}, None, None, "Indiquez une adresse https"),
        ("/webhooks", {"url": "http://a"}, ("POST", "/webhooks"), (422, {"code": "webhook_address_refused"}),
         "Indiquez une adresse https"),
        ("/webhooks", {"url": "https://a"}, ("POST", "/webhooks"), (409, {"code": "too_many_webhooks"}), "cinq"),
        ("/webhooks/w1/defi", {}, ("POST", "/webhooks/w1/verification"), (422, {"code": "webhook_challenge_failed"}),
         "?fait=defi"),
        ("/webhooks/w1/essai", {}, ("POST", "/webhooks/w1/test"), (200, {"outcome": "timeout"}), "?fait=essai-echec"),
        ("/webhooks/w1/essai", {}, ("POST", "/webhooks/w1/test"), (429, {}), "?fait=doucement"),
        ("/webhooks/w1/pause", {}, ("POST", "/webhooks/w1/pause"), (409, {"code": "webhook_state"}), "?fait=change"),
        ("/webhooks/w1/renvoi", {"day": "hier"}, None, None, "Indiquez un jour"),
        ("/webhooks/w1/renvoi", {"event_id": "e"}, ("POST", "/webhooks/w1/redelivery"), (404, {}),
         "pas dans votre flux"),
    ],
)  # fmt: skip
async def test_refusal_says_what_to_do(
    partners: Portal, path: str, fields: dict[str, str], route: tuple[str, str] | None,
    answer: tuple[int, object] | None, said: str,
) -> None:  # fmt: skip
    if route is not None and answer is not None:
        partners.services.answers[route] = answer
    csrf = await partners.sign_in(MANAGER)
    done = await partners.post(path, {**fields, "jeton": csrf})
    assert said in (done.headers.get("location", "") if said.startswith("?") else done.text)


async def test_request_is_answered_by_an_operator_once(partners: Portal) -> None:
    csrf = await partners.sign_in(OPERATOR)
    partners.services.answers[("POST", "/join-requests/r1/approval")] = (409, {"code": "jurisdiction_taken"})
    page = await partners.post("/demandes/r1/acceptation", {"code": "cd00", "jeton": csrf})
    assert (page.status_code, "répond déjà pour ce territoire" in page.text) == (422, True)
    partners.services.answers[("POST", "/join-requests/r1/approval")] = (200, ASKED)
    done = await partners.post("/demandes/r1/acceptation", {"code": "cd00", "jeton": csrf})
    assert done.headers["location"] == "/demandes?fait=acceptee"
    partners.services.answers[("POST", "/join-requests/r1/approval")] = (409, {"code": "join_state"})
    partners.services.answers[("GET", "/join-requests/r1")] = (200, {**ASKED, "state": "approved"})
    late = await partners.post("/demandes/r1/acceptation", {"code": "cd00", "jeton": csrf})
    assert late.headers["location"] == "/demandes?fait=change"


def ending(entry: Entry) -> Entry:
    why = Text("`decline` le remplace", "`decline` replaces it")
    return replace(entry, deprecation=Deprecation(date(2026, 12, 1), date(2027, 6, 1), None, why))


async def test_type_that_ends_is_shown_to_partners_with_its_date_and_who_asks_for_it(
    partners: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await partners.sign_in(MANAGER)
    assert "Aucun des types de votre flux n’a de date de fin" in (await partners.browser.get("/acces")).text
    changed = MappingProxyType({**catalogue(), DECLINED: ending(catalogue()[DECLINED])})
    for module in (access, webhooks):
        monkeypatch.setattr(module, "catalogue", lambda: changed)
    for path in ("/acces", "/webhooks/w1"):
        said = (await partners.browser.get(path)).text
        assert "mardi 1er juin 2027" in said
        assert "<code>decline</code> le remplace" in said
        assert re.search(r"Ce webhook le demande <code class=\"url\">https://hooks.exemple.test/maillage</code>", said)


async def test_older_secret_and_unknown_scope_are_shown_as_they_are(partners: Portal) -> None:
    await partners.sign_in(MANAGER)
    page = (await partners.browser.get("/acces")).text
    assert "vendredi 27 novembre 2026" in page
    assert "newer:scope" in page
    asked = (await partners.browser.get("/acces/cd93-k7/secret")).text
    assert "Arrêtez d’abord" in asked
    assert "Créer et afficher" not in asked


@pytest.mark.parametrize(
    ("state", "lost", "said", "unsaid"),
    [
        ("granted", False, "Prêt", "ne connaît plus"),
        ("granted", True, "ne connaît plus votre utilisateur", "En préparation"),
        ("requested", False, "En préparation", "Prêt"),
        ("revoked", False, "cd93-k7", "Votre accès à Kafka"),
    ],
)
async def test_access_to_kafka_is_shown_with_what_is_to_be_done(
    partners: Portal, state: str, lost: bool, said: str, unsaid: str
) -> None:
    found = {
        "username": "partner-cd93", "topic": "partner-cd93-v1", "state": state, "ready": state == "granted",
        "password_lost": lost, "newer": "field",
    }  # fmt: skip
    partners.services.answers[("GET", "/kafka-access")] = (200, found)
    await partners.sign_in(MANAGER)

    page = (await partners.browser.get("/acces")).text
    asked = await partners.browser.get("/acces/kafka/mot-de-passe")

    assert said in page
    assert unsaid not in page
    assert asked.status_code == (404 if state == "revoked" else 200)
