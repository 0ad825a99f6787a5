"""The desk's pages: everything shown is escaped, nothing is loaded from elsewhere, nothing is kept by a cache."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from maillage.desk.app import Desk, create_app, open_desk
from maillage.desk.pages import PAGE_ROWS, linked
from maillage.desk.settings import DeskSettings

AT = datetime(2026, 11, 24, 13, 5, 9, tzinfo=UTC)
HOSTILE = "<img src=http://evil.example/x onerror=alert(1)>\"'&"
PORTAL = "http://127.0.0.1:8000"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(DeskSettings(tmp_path, 1, 1, "token", "http://notifications.test", PORTAL))


def arrive(desk: Desk, number: int = 0, text: str = "Bonjour", **headers: str) -> None:
    message = EmailMessage()
    for name, value in {"From": "a@example.org", "Subject": f"Objet {number}", **headers}.items():
        message[name] = value
    message["Message-ID"] = f"<{number}@maillage>"
    message.set_content(text)
    desk.mails.receive(bytes(message), ["camille@example.org"], AT + timedelta(seconds=number))


async def get(desk: Desk, path: str, host: str = "127.0.0.1:8010") -> httpx.Response:
    transport = httpx.ASGITransport(create_app(desk, "1.2.3"))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        return await client.get(path)


async def test_mails_are_listed_newest_first_and_read_one_by_one(desk: Desk) -> None:
    arrive(desk, 1, "Premier", Subject="Accusé")
    arrive(desk, 2, "Bonjour Camille,\nà mardi.")
    arrive(desk, 2)

    page = (await get(desk, "/mail")).text
    assert page.index("Objet 2") < page.index("Accusé")
    assert "reçu 2 fois" in page
    address = re.search(r'href="(/mail/[0-9a-f]+)">Objet 2', page)
    assert address
    letter = (await get(desk, address[1])).text
    assert "Bonjour Camille,\nà mardi." in letter
    assert "mardi 24 novembre 2026 à" in letter
    for shown in ("a@example.org", "camille@example.org", "&lt;2@maillage&gt;", "reçu 2 fois"):
        assert shown in letter


async def test_text_messages_are_listed_with_their_size_and_their_receipt(desk: Desk) -> None:
    for reference, to, text in (("n1", "+33639981200", "Bonjour"), ("n2", "+33639981296", "À mardi, bon courage ! 😀")):
        desk.messages.accept({"reference": reference, "sender": "Maillage", "to": to, "text": text}, AT)

    page = (await get(desk, "/sms")).text
    assert page.index("+33639981296") < page.index("+33639981200")
    assert page.count("1 segment<") == 2
    assert "7 caractères, GSM-7" in page
    assert "24 caractères, UCS-2" in page
    assert "sans nouvelles" in page
    assert "accusé en route" in page


async def test_whatever_was_written_is_shown_and_never_interpreted(desk: Desk) -> None:
    headers = {"From": f'"{HOSTILE[:20]}" <a@example.org>', "Subject": HOSTILE, "X-Any": HOSTILE}
    arrive(desk, 1, f"{HOSTILE}\nhttp://127.0.0.1:8000/rendez-vous/abc.\njavascript:alert(1)", **headers)
    desk.messages.accept({"reference": "n", "sender": "Maillage", "to": "+33639981200", "text": HOSTILE}, AT)
    (mail,) = desk.mails.newest_first()

    for path in ("/mail", f"/mail/{mail.id}", "/sms"):
        page = (await get(desk, path)).text
        assert "<img" not in page
        assert "<script" not in page
        # The only addresses that a browser would fetch by itself are ours.
        assert set(re.findall(r'\s(?:src|href)="([^"]*)"', page.split("</head>")[0])) == {
            "/static/icon.svg",
            "/static/desk.css",
        }
    letter = (await get(desk, f"/mail/{mail.id}")).text
    assert (
        '<a href="http://127.0.0.1:8000/rendez-vous/abc" rel="noreferrer noopener">'
        "http://127.0.0.1:8000/rendez-vous/abc</a>."
    ) in letter
    assert 'href="javascript:' not in letter


@pytest.mark.parametrize("path", ["/mail", "/mail/unknown", "/sms", "/mail.json", "/spans.json", "/static/desk.css"])
async def test_every_answer_forbids_scripts_frames_caches_and_referrers(desk: Desk, path: str) -> None:
    headers = (await get(desk, path)).headers

    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self';")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8010"])
async def test_a_name_pointed_at_this_machine_reads_nothing(desk: Desk, host: str) -> None:
    arrive(desk)
    for path in ("/mail", "/mail.json", "/spans.json"):
        answer = await get(desk, path, host)
        assert answer.status_code == 400
        assert "camille" not in answer.text


async def test_a_forgotten_mail_is_said_to_be_gone(desk: Desk) -> None:
    answer = await get(desk, "/mail/unknown")

    assert answer.status_code == 404
    assert "Ce courriel n’est plus ici" in answer.text


async def test_an_empty_page_says_what_to_do(desk: Desk) -> None:
    for path in ("/mail", "/sms"):
        assert "maillage story" in (await get(desk, path)).text


async def test_pages_are_turned_and_stay_small(desk: Desk) -> None:
    for number in range(PAGE_ROWS * 2 + 1):
        arrive(desk, number, Subject=f"Objet {number:03} d'une longueur ordinaire pour un avis")

    first = await get(desk, "/mail")
    last = await get(desk, "/mail?page=3")
    assert len(first.content) < 100_000
    assert 'href="/mail?page=2"' in first.text
    assert "Objet 000" in last.text
    assert "Objet 001" not in last.text
    for odd in ("0", "99", "x", "-1", "²"):
        assert (await get(desk, f"/mail?page={odd}")).status_code == 200


async def test_json_tells_everything_and_is_filtered_by_recipient(desk: Desk) -> None:
    arrive(desk)
    desk.messages.accept({"reference": "n", "sender": "Maillage", "to": "+33639981200", "text": "Bonjour"}, AT)

    (mail,) = (await get(desk, "/mail.json?to=camille@example.org")).json()["items"]
    assert (mail["to"], mail["text"], mail["message_id"]) == ("camille@example.org", "Bonjour", "<0@maillage>")
    assert (await get(desk, "/mail.json?to=other@example.org")).json() == {"items": []}
    (sms,) = (await get(desk, "/sms.json?to=%2B33639981200")).json()["items"]
    assert (sms["reference"], sms["status"]) == ("n", "delivered")
    assert (await get(desk, "/sms.json?to=%2B33600000000")).json() == {"items": []}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("sans lien", "sans lien"),
        ("https://a.example/x?y=1&z=2.", '<a href="https://a.example/x?y=1&amp;z=2" rel="noreferrer noopener">'),
        ("ftp://a.example", "ftp://a.example"),
        ("http://", "http://"),
        ('http://a.example/"onmouseover=x', '<a href="http://a.example/" '),
    ],
)
def test_only_addresses_of_pages_become_links(text: str, html: str) -> None:
    assert str(linked(text)).startswith(html)
