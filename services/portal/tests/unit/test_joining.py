"""Joining: the form, the numbers and places it reads, and a link whose token and secrets stay where they belong."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import logs, telemetry
from portal.adapters.http.commands import commands
from portal.adapters.places import OfficialPlaces
from portal.domain.joining import KafkaAccess, ProgramAccess, legal_fault

from .conftest import VOLUNTEER, Portal
from .test_person import logging_as_before

__all__ = ["logging_as_before"]

TOKEN = "A-canary_9876543210" * 4
HERE = f"/rejoindre/{TOKEN}"
PACKAGE = "http://portal/contrats/maillage_contracts-0.1.0-py3-none-any.whl#sha256=5ac1"
SECRET, PASSWORD = "canary-of-the-secret", "canary-of-the-password"
UNTIL = "2026-12-28T09:00:00Z"
JOIN = ("GET", "/join-request")
CREDENTIALS = ("POST", "/join-request/credentials")
TYPED = {
    "name": "Département de l’Exemple", "legal_number": "229 300 082", "kind": "council", "territory": "93",
    "contact_email": "equipe@exemple.test", "phone": "01 99 00 12 34", "postal_address": "1 rue", "language": "fr",
    "usage": "real",
}  # fmt: skip
ACCESS = {
    "client_id": "essai-k7", "organisation_code": "essai", "token_url": "http://partners/oauth/token",
    "feed_url": "http://partners/feed", "scopes": ["feed:read"], "client_secret": SECRET,
    "kafka": {"bootstrap": "kafka:9094", "topic": "partner-essai-v1", "username": "partner-essai",
              "password": PASSWORD, "security_protocol": "SASL_PLAINTEXT"},
}  # fmt: skip


def request_document(**values: object) -> dict[str, object]:
    organisation = {"code": "essai", "name": "Département d’essai", "kind": "council"}
    return {
        "state": "approved",
        "organisation": organisation,
        "credentials_available": True,
        "sandbox": True,
        "link_until": UNTIL,
        **values,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("229 300 082", ""),
        ("22930008200019", "fault.legal.key"),
        ("356 000 000 00048", ""),  # La Poste's head office keeps the common rule,
        ("35600000049837", ""),  # its other establishments add up to a multiple of five,
        ("35600000049838", "fault.legal.key"),  # and this one does not.
        ("732 829 320 00074", ""),
        ("732.829.320", ""),
        ("732829321", "fault.legal.key"),
        ("7328293200007", "fault.legal.length"),
        ("W751234567", "fault.legal.rna"),
        ("FR40732829320", "fault.legal.signs"),
        ("\u0667\u0663\u0662829320", "fault.legal.signs"),
        (" ", "fault.legal.missing"),
    ],
)
def test_legal_number_is_read_or_said_what_to_mend(text: str, expected: str) -> None:
    assert legal_fault(text) == expected


def test_places_are_read_by_code_or_name_with_their_official_names() -> None:
    read = OfficialPlaces().read("93\n69m ; 200054781, 75056\nMontreuil (93)\n93")
    assert [(one.field, one.code, one.name) for one in read.places] == [
        ("departements", "93", "Seine-Saint-Denis"), ("collectivities", "69M", "Métropole de Lyon"),
        ("epcis", "200054781", "Métropole du Grand Paris"), ("communes", "75056", "Paris (75)"),
        ("communes", "93048", "Montreuil (93)"),
    ]  # fmt: skip
    assert read.troubles == ()
    assert read.codes()["communes"] == ["75056", "93048"]


@pytest.mark.parametrize(
    ("typed", "reason", "near"),
    [
        ("Montreuil", "several", "Montreuil (93)"), ("75111", "part", "Paris (75)"), ("999999999", "unknown", ""),
        ("Xyzzyville", "unknown", ""), ("00Z", "unknown", ""), ("97", "unknown", ""),
    ],
)  # fmt: skip
def test_place_that_is_none_or_several_says_so(typed: str, reason: str, near: str) -> None:
    (trouble,) = OfficialPlaces().read(typed).troubles
    assert (trouble.typed, trouble.reason) == (typed, reason)
    assert near in (*trouble.near, "")


async def token_of(portal: Portal) -> str:
    page = await portal.browser.get("/rejoindre")
    return str(re.findall(r'name="jeton" value="([^"]+)"', page.text)[-1])


async def send(portal: Portal, **changed: str) -> httpx.Response:
    fields = {**TYPED, "jeton": await token_of(portal), "cle": "0" * 32, "etape": "envoyer", **changed}
    return await portal.post("/rejoindre", fields)


async def test_form_is_sent_once_however_often_it_is_pressed_and_says_nobody_s_address(portal: Portal) -> None:
    portal.services.answers[("POST", "/join-requests")] = (201, {"join_request_id": "x", "state": "unconfirmed"})
    for _ in range(2):
        answer = await send(portal)
        assert answer.headers["location"] == "/demande-envoyee"
    await send(portal, phone="01 99 00 12 35")
    asked = portal.services.asked_for("POST", "/join-requests")
    keys = [one.headers["idempotency-key"] for one in asked]
    assert keys[0] == keys[1] != keys[2]
    assert {one.headers["authorization"] for one in asked} == {"Bearer token of portal"}
    assert all(re.fullmatch("[0-9a-f]{16}", one.headers["maillage-visitor"]) for one in asked)
    (body, *_) = portal.services.bodies("POST", "/join-requests")
    assert body == {
        "name": "Département de l’Exemple", "legal_number": "229300082", "kind": "council", "phone": "01 99 00 12 34",
        "territory": {"communes": [], "epcis": [], "departements": ["93"], "collectivities": []},
        "postal_address": "1 rue", "contact_email": "equipe@exemple.test", "language": "fr", "sandbox": False,
        "email": None,
    }  # fmt: skip


async def test_the_organisations_own_address_is_optional_and_read_before_it_is_sent(portal: Portal) -> None:
    portal.services.answers[("POST", "/join-requests")] = (201, {"join_request_id": "x", "state": "unconfirmed"})
    wrong = await send(portal, email="orientations")
    assert wrong.status_code == 422
    assert 'id="email-erreur"' in wrong.text
    assert portal.services.asked_for("POST", "/join-requests") == []
    check = await send(portal, email=" orientations@exemple.test ", etape="")
    assert "orientations@exemple.test" in check.text
    await send(portal, email=" orientations@exemple.test ")
    (asked,) = portal.services.asked_for("POST", "/join-requests")
    assert json.loads(asked.content)["email"] == "orientations@exemple.test"


async def test_form_of_a_lost_visit_is_read_again_and_not_sent(portal: Portal) -> None:
    answer = await send(portal, jeton="of another visit")
    assert answer.status_code == 409
    assert 'value="equipe@exemple.test"' in answer.text
    assert portal.services.asked_for("POST", "/join-requests") == []


@pytest.mark.parametrize(
    ("status", "body", "shown", "said"),
    [
        (503, {}, 503, "Rien n’est perdu"),
        (429, {}, 429, "Trop de demandes"),
        (409, {"code": "already_asked"}, 409, "Une demande existe déjà"),
        (422, {"code": "invalid", "errors": [{"field": "territory.communes[0]"}]}, 422, "un lieu n’est pas accepté"),
        (422, {"code": "invalid", "errors": []}, 422, "Relisez vos réponses"),
    ],
)
async def test_what_was_typed_stays_whatever_the_service_says(
    portal: Portal, status: int, body: object, shown: int, said: str
) -> None:
    portal.services.answers[("POST", "/join-requests")] = (status, body)
    answer = await send(portal)
    assert answer.status_code == shown
    assert said in answer.text
    assert "equipe@exemple.test" in answer.text


async def test_link_sets_no_cookie_tells_no_site_and_confirms_only_when_pressed(portal: Portal) -> None:
    await portal.sign_in(VOLUNTEER)
    portal.services.answers[JOIN] = (200, request_document(state="unconfirmed", credentials_available=False))
    page = await portal.browser.get(HERE)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "set-cookie" not in page.headers
    assert VOLUNTEER.organisation_name not in page.text
    assert TOKEN not in page.text.split("</title>")[0]
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page.text)
    assert [one for one in addresses if TOKEN in one and not one.startswith(f"{HERE}/")] == []
    assert portal.services.asked_for("POST", "/join-request/confirmation") == []
    portal.services.answers[("POST", "/join-request/confirmation")] = (200, {})
    done = await portal.post(f"{HERE}/confirmation", {}, origin=False)
    assert done.headers["location"] == HERE
    assert done.headers["referrer-policy"] == "no-referrer"
    for request in portal.services.asked:
        assert request.headers["maillage-join"] == TOKEN
        assert "authorization" not in request.headers
        assert TOKEN not in str(request.url)


async def test_access_is_shown_once_and_a_doubled_click_sees_it_twice(portal: Portal) -> None:
    portal.services.answers[JOIN] = (200, request_document())
    portal.services.answers[CREDENTIALS] = (200, ACCESS)
    form = {"cle": re.findall(r'name="cle" value="([^"]+)"', (await portal.browser.get(HERE)).text)[0]}
    first = await portal.post(f"{HERE}/acces", form, origin=False)
    portal.services.answers[CREDENTIALS] = (410, {"code": "already_shown"})
    second = await portal.post(f"{HERE}/acces", form, origin=False)
    for shown in (first, second):
        assert shown.status_code == 200
        assert shown.headers["cache-control"] == "no-store"
        assert SECRET in shown.text
        assert PASSWORD in shown.text
    assert len(portal.services.asked_for(*CREDENTIALS)) == 1
    for other in ({"cle": "of another form"}, {}):
        again = await portal.post(f"{HERE}/acces", other, origin=False)
        assert again.headers["location"] == f"{HERE}?fait=montre"
    later = (await portal.browser.get(f"{HERE}?fait=montre")).text
    assert SECRET not in later
    assert "jusqu’au lundi 28 décembre 2026" in later


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ((404, {"code": "link_unknown"}), 404, "Ce lien ne marche pas"),
        ((410, {"code": "link_expired"}), 410, "Ce lien n’est plus valable"),
        ((503, {}), 503, "ne répond pas"),
        ((200, {"state": "approved"}), 503, "ne répond pas"),
    ],
)
async def test_link_that_does_not_hold_says_what_to_do(
    portal: Portal, answer: tuple[int, object], status: int, said: str
) -> None:
    portal.services.answers[JOIN] = answer
    page = await portal.browser.get(HERE)
    assert page.status_code == status
    assert said in page.text
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [(202, {"event_id": "7e577e57"}, "essai"), (429, {}, "limite"), (409, {"code": "too_many_test_events"}, "trop"),
     (409, {"code": "not_approved"}, "change")],
)  # fmt: skip
async def test_test_referral_is_said_to_be_where_it_is(portal: Portal, status: int, body: object, told: str) -> None:
    event = {"event_id": "7e577e57", "type": "fr.maillage.x.v1", "sequence": "1", "referral_id": "r", "at": None}
    portal.services.answers[JOIN] = (200, request_document(test_events=[event]))
    portal.services.answers[("POST", "/join-request/test-event")] = (status, body)
    done = await portal.post(f"{HERE}/essai", {}, origin=False)
    assert done.headers["location"] == f"{HERE}?fait={told}#essai"


def test_commands_hold_names_and_never_a_secret_unless_it_is_shown() -> None:
    kafka = KafkaAccess("kafka:9094", "partner-essai-v1", "partner-essai", PASSWORD, "SASL_PLAINTEXT")
    shown = ProgramAccess("essai-k7", "essai", "http://p/oauth/token", "http://p/feed", (), SECRET, kafka)
    blocks = {one.name: one.text for one in commands(shown, PACKAGE)}
    assert list(blocks) == ["keep", "token", "feed", "install", "python", "kafka", "properties"]
    assert [name for name, text in blocks.items() if SECRET in text or PASSWORD in text] == ["keep"]
    assert "read -r" not in blocks["keep"]
    assert blocks["install"].endswith(f"pip install 'maillage-contracts[feed,kafka] @ {PACKAGE}'")
    for name in ("python", "kafka"):
        compile(blocks[name], name, "exec")
    later = ProgramAccess("essai-k7", "essai", "http://p/oauth/token", "http://p/feed")
    assert [one.name for one in commands(later, PACKAGE)] == ["keep", "token", "feed", "install", "python"]
    assert "read -r MAILLAGE_CLIENT_SECRET" in commands(later, PACKAGE)[0].text


def test_broker_with_an_authority_of_its_own_is_trusted_by_the_file_that_a_command_writes() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    kafka = KafkaAccess("kafka:9094", "partner-essai-v1", "partner-essai", PASSWORD, "SASL_SSL", pem)
    shown = ProgramAccess("essai-k7", "essai", "http://p/oauth/token", "http://p/feed", (), SECRET, kafka)
    blocks = {one.name: one.text for one in commands(shown, PACKAGE)}
    assert list(blocks)[-3:] == ["authority", "kafka", "properties"]
    assert blocks["authority"].splitlines()[1:-1] == pem.splitlines()
    file = blocks["authority"].splitlines()[0].split()[2]
    assert f'ca_file="{file}")' in blocks["kafka"]
    assert "protocol=" not in blocks["kafka"]
    assert f"\nssl.truststore.type=PEM\nssl.truststore.location={file}\n" in blocks["properties"]


def test_name_with_a_quote_stays_one_word_of_the_shell() -> None:
    odd = ProgramAccess("a'; rm -rf x; '", "essai", "http://p/oauth/token", "http://p/feed", (), "s'ecret")
    assert commands(odd, PACKAGE)[0].text.startswith("MAILLAGE_CLIENT_ID='a'\"'\"'; rm -rf x; '\"'\"''\n")


@pytest.mark.usefixtures("logging_as_before")
async def test_token_and_secrets_are_in_no_log_and_no_span(portal: Portal, capsys: pytest.CaptureFixture[str]) -> None:
    exporter, lines = InMemorySpanExporter(), io.StringIO()
    tracing = telemetry.configure(portal.app.state.runtime.settings, "portal", "0", exporter=exporter)
    logs.configure("portal", "DEBUG")
    portal.services.answers |= {JOIN: (200, request_document(access={**ACCESS, "client_secret": ""}))}
    portal.services.answers |= {CREDENTIALS: (200, ACCESS), ("POST", "/join-request/test-event"): (409, {"code": "x"})}
    try:
        with redirect_stdout(lines):
            await portal.browser.get(HERE)
            for rest in ("confirmation", "acces", "essai", "nulle/part"):
                await portal.post(f"{HERE}/{rest}", {"cle": "form"}, origin=False)
            portal.services.answers[JOIN] = (500, {})
            await portal.browser.get(HERE)
    finally:
        await tracing.close()
    spans = exporter.get_finished_spans()
    names = {span.name for span in spans}
    assert {"POST /rejoindre/{token}/acces", "GET /join-request", "POST /join-request/credentials"} <= names
    said = lines.getvalue() + json.dumps([[span.name, str(dict(span.attributes or {}))] for span in spans])
    said += capsys.readouterr().out
    assert [word for word in (TOKEN, SECRET, PASSWORD) if word in said] == []
