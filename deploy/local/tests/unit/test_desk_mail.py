"""E-mails as the desk keeps them: any bytes are kept, one that arrives again is counted, text is what a reader sees."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from maillage.desk.mail import KEEP, MailBox, text_of

AT = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)


def message(text: str = "Bonjour Camille,\n\nà mardi.\n", **headers: str) -> EmailMessage:
    made = EmailMessage()
    for name, value in {
        "From": "Maillage <ne-pas-repondre@example.org>",
        "To": "Camille <camille@example.org>",
        "Subject": "Votre rendez-vous est proposé",
        "Message-ID": "<notice-1@maillage.example>",
        **headers,
    }.items():
        made[name] = value
    made.set_content(text)
    return made


def test_a_mail_is_kept_as_its_reader_sees_it(tmp_path: Path) -> None:
    box = MailBox(tmp_path)
    box.receive(bytes(message()), ["camille@example.org"], AT)

    (mail,) = MailBox(tmp_path).newest_first()
    assert mail.sender == "Maillage <ne-pas-repondre@example.org>"
    assert (mail.to, mail.subject) == ("camille@example.org", "Votre rendez-vous est proposé")
    assert mail.text == "Bonjour Camille,\n\nà mardi."
    assert ["Message-ID", "<notice-1@maillage.example>"] in mail.headers
    assert box.get(mail.id) == mail


def test_one_mail_for_each_recipient_and_a_repeat_is_counted(tmp_path: Path) -> None:
    box = MailBox(tmp_path)
    box.receive(bytes(message()), ["a@example.org", "b@example.org"], AT)
    box.receive(bytes(message("Autre texte")), ["A@example.org"], AT)
    box.receive(bytes(message(**{"Message-ID": "<notice-2@maillage.example>"})), ["a@example.org"], AT)

    for found in (box, MailBox(tmp_path)):
        assert [(mail.to, mail.times) for mail in found.newest_first()] == [
            ("a@example.org", 1),
            ("b@example.org", 1),
            ("a@example.org", 2),
        ]
        assert found.newest_first()[-1].text.startswith("Bonjour"), "the first is shown"


def test_mails_without_message_id_are_never_taken_for_one_another(tmp_path: Path) -> None:
    anonymous = message()
    del anonymous["Message-ID"]
    box = MailBox(tmp_path)
    for _ in range(2):
        box.receive(bytes(anonymous), ["a@example.org"], AT)

    assert len(box) == 2


def test_only_the_last_are_kept(tmp_path: Path) -> None:
    box = MailBox(tmp_path)
    for number in range(KEEP + 3):
        box.receive(b"Message-ID: <%d>\n\n" % number, ["a@example.org"], AT)

    assert len(box) == KEEP
    assert box.newest_first()[-1].message_id == "<3>"
    assert len(MailBox(tmp_path)) == KEEP


def test_words_of_an_html_mail_are_shown_when_it_has_no_text() -> None:
    html = EmailMessage()
    html.set_content(
        "<html><head><title>x</title><style>p{}</style></head><body><p>Bonjour <b>Camille</b>&nbsp;!</p>"
        "<script>alert(1)</script><p>À mardi.</p></body></html>",
        subtype="html",
    )
    assert text_of(html) == "Bonjour Camille !\nÀ mardi."


def test_attachments_are_named_and_not_shown(tmp_path: Path) -> None:
    made = message()
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="lettre.pdf")
    box = MailBox(tmp_path)
    box.receive(bytes(made), ["a@example.org"], AT)

    (mail,) = box.newest_first()
    assert mail.attachments == ["lettre.pdf"]
    assert "%PDF" not in str(mail.document())


@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=80).map(lambda noise: b"From: " + noise + b"\nContent-Type: " + noise + b"\n\n" + noise),
        st.binary(max_size=80).map(
            lambda noise: b"Subject: =?utf-8?b?" + noise + b"?=\nContent-Type: text/plain; charset=" + noise + b"\n\nx"
        ),
    )
)
def test_any_bytes_are_a_mail(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        box = MailBox(Path(folder))
        box.receive(content, ["a@example.org"], AT)
        (mail,) = MailBox(Path(folder)).newest_first()

    assert mail == box.newest_first()[0]
