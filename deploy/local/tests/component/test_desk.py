"""The desk as the process that runs: real SMTP, real HTTP, the SDK's own exporter, and a restart after kill -9."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from maillage.desk.receipts import signature
from maillage.testing.collector import SpanCollector, edges
from maillage.testing.desk import TOKEN, DeskProcess

STORY = "01a22030-ea64-77a2-9428-d24bdea00855"


class Notifications:
    """Receives receipts: refuses the first one, as a service does that has not noted the message yet."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes, str]] = []
        self.asked = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.asked += 1
                if receiver.asked > 1:
                    receiver.taken.append((self.path, body, self.headers["Maillage-Signature"]))
                self.send_response(404 if receiver.asked == 1 else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def notifications() -> Iterator[Notifications]:
    made = Notifications()
    yield made
    made.close()


@pytest.fixture
def desk(tmp_path: Path, notifications: Notifications) -> Iterator[DeskProcess]:
    made = DeskProcess(tmp_path, notifications.url)
    made.start()
    yield made
    made.kill()


def send_mail(desk: DeskProcess) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "Maillage <ne-pas-repondre@example.org>", "Votre rendez-vous"
    message["To"], message["Message-ID"] = "Zoé <zoe@example.org>", "<notice-1@maillage.example>"
    message.set_content("Bonjour Zoé,\nà mardi.")
    with smtplib.SMTP("127.0.0.1", desk.smtp_port) as smtp:
        smtp.send_message(message, to_addrs=["zoe@example.org", "zoé@example.org"])


def send_sms(desk: DeskProcess, token: str = TOKEN) -> httpx.Response:
    body = {"reference": "notice-2", "sender": "Maillage", "to": "+33639981200", "text": "À mardi."}
    headers = {"authorization": f"Bearer {token}"}
    return httpx.post(f"{desk.url}/sms-api/messages", json=body, headers=headers, trust_env=False)


def send_spans(desk: DeskProcess) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "referrals"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{desk.url}/v1/traces")))
    tracer = provider.get_tracer("chassis")
    with tracer.start_as_current_span("POST /referrals", kind=SpanKind.SERVER):
        attributes = {"messaging.message.conversation_id": STORY}
        tracer.start_span("create referrals-referral-v1", kind=SpanKind.PRODUCER, attributes=attributes).end()
    with tracer.start_as_current_span("GET /referrals"):
        pass
    provider.shutdown()


def test_what_arrived_is_told_and_kept_over_a_kill(
    desk: DeskProcess, notifications: Notifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    send_mail(desk)
    send_mail(desk)
    assert send_sms(desk, "another").status_code == 401
    first, again = send_sms(desk), send_sms(desk)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == again.json() == {"id": first.json()["id"], "segments": 1}
    send_spans(desk)
    desk.until(lambda: desk.items("/sms.json")[0]["receipt"] == "taken")

    (path, body, signed) = notifications.taken[0]
    assert (path, signed) == ("/receipts/sms", signature(TOKEN, body))
    desk.kill()
    desk.start()

    mails = desk.items("/mail.json")
    assert {mail["to"] for mail in mails} == {"zoe@example.org", "zoé@example.org"}
    assert {(mail["text"], mail["times"]) for mail in mails} == {("Bonjour Zoé,\nà mardi.", 2)}
    (sms,) = desk.items("/sms.json")
    assert (sms["times"], sms["tries"], sms["receipt"]) == (2, 2, "taken")
    spans = SpanCollector(desk.url)
    assert edges(spans.of_story(STORY)) == {
        ("", "referrals POST /referrals"),
        ("referrals POST /referrals", "referrals create referrals-referral-v1"),
    }
    assert {span.name for span in spans.spans} == {"POST /referrals", "create referrals-referral-v1", "GET /referrals"}
    assert len(notifications.taken) == 1, "a receipt that was taken is not told again"
    assert "zo" not in desk.log.read_text().lower(), "the log tells nobody's address"


def test_bodies_that_are_no_spans_are_refused(desk: DeskProcess) -> None:
    url = f"{desk.url}/v1/traces"
    protobuf = {"content-type": "application/x-protobuf"}
    assert httpx.post(url, content=b"x", headers=protobuf, trust_env=False).status_code == 400
    gzipped = {**protobuf, "content-encoding": "gzip"}
    assert httpx.post(url, content=b"x", headers=gzipped, trust_env=False).status_code == 400
    assert httpx.post(url, json={}, trust_env=False).status_code == 415
    assert httpx.post(url, content=b"", headers=protobuf, trust_env=False).status_code == 200
    large = b"\0" * (17 * 1024 * 1024)
    assert httpx.post(url, content=large, headers=protobuf, trust_env=False).status_code in {400, 413}
