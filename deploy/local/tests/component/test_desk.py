"""The desk as the process that runs: real SMTP, real HTTP, the SDK's own exporter, and a restart after kill -9."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import SIGKILL

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from maillage.desk.receipts import signature
from maillage.processes import die_with_parent
from maillage.testing.collector import SpanCollector, edges
from maillage.testing.servers import free_ports

TOKEN = "a token for tests"
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


class Desk:
    """One desk in a folder of its own."""

    def __init__(self, folder: Path, notifications_url: str) -> None:
        self.folder = folder
        self.port, self.smtp_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "token").write_text(TOKEN)
        self._environment = {
            **os.environ,
            "MAILLAGE_DESK_FOLDER": str(folder / "desk"),
            "MAILLAGE_DESK_PORT": str(self.port),
            "MAILLAGE_SMTP_PORT": str(self.smtp_port),
            "MAILLAGE_SMS_TOKEN_FILE": str(folder / "token"),
            "MAILLAGE_NOTIFICATIONS_URL": notifications_url,
            "MAILLAGE_PORTAL_URL": "http://127.0.0.1:1",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "maillage.desk"], env=self._environment, stdout=log, stderr=log,
                preexec_fn=die_with_parent(SIGKILL),  # noqa: PLW1509 (one system call, from the main thread)
            )  # fmt: skip
        self.until(lambda: httpx.get(f"{self.url}/health/ready", trust_env=False).json()["ready"])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def get(self, path: str) -> list[dict[str, object]]:
        items: list[dict[str, object]] = httpx.get(f"{self.url}{path}", trust_env=False).json()["items"]
        return items

    def until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.05)


@pytest.fixture
def notifications() -> Iterator[Notifications]:
    made = Notifications()
    yield made
    made.close()


@pytest.fixture
def desk(tmp_path: Path, notifications: Notifications) -> Iterator[Desk]:
    made = Desk(tmp_path, notifications.url)
    made.start()
    yield made
    made.kill()


def send_mail(desk: Desk) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "Maillage <ne-pas-repondre@example.org>", "Votre rendez-vous"
    message["To"], message["Message-ID"] = "Zoé <zoe@example.org>", "<notice-1@maillage.example>"
    message.set_content("Bonjour Zoé,\nà mardi.")
    with smtplib.SMTP("127.0.0.1", desk.smtp_port) as smtp:
        smtp.send_message(message, to_addrs=["zoe@example.org", "zoé@example.org"])


def send_sms(desk: Desk, token: str = TOKEN) -> httpx.Response:
    body = {"reference": "notice-2", "sender": "Maillage", "to": "+33639981200", "text": "À mardi."}
    headers = {"authorization": f"Bearer {token}"}
    return httpx.post(f"{desk.url}/sms-api/messages", json=body, headers=headers, trust_env=False)


def send_spans(desk: Desk) -> None:
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
    desk: Desk, notifications: Notifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    send_mail(desk)
    send_mail(desk)
    assert send_sms(desk, "another").status_code == 401
    first, again = send_sms(desk), send_sms(desk)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == again.json() == {"id": first.json()["id"], "segments": 1}
    send_spans(desk)
    desk.until(lambda: desk.get("/sms.json")[0]["receipt"] == "taken")

    (path, body, signed) = notifications.taken[0]
    assert (path, signed) == ("/receipts/sms", signature(TOKEN, body))
    desk.kill()
    desk.start()

    mails = desk.get("/mail.json")
    assert {mail["to"] for mail in mails} == {"zoe@example.org", "zoé@example.org"}
    assert {(mail["text"], mail["times"]) for mail in mails} == {("Bonjour Zoé,\nà mardi.", 2)}
    (sms,) = desk.get("/sms.json")
    assert (sms["times"], sms["tries"], sms["receipt"]) == (2, 2, "taken")
    spans = SpanCollector(desk.url)
    assert edges(spans.of_story(STORY)) == {
        ("", "referrals POST /referrals"),
        ("referrals POST /referrals", "referrals create referrals-referral-v1"),
    }
    assert {span.name for span in spans.spans} == {"POST /referrals", "create referrals-referral-v1", "GET /referrals"}
    assert len(notifications.taken) == 1, "a receipt that was taken is not told again"
    assert "zo" not in (desk.folder / "log").read_text().lower(), "the log tells nobody's address"


def test_bodies_that_are_no_spans_are_refused(desk: Desk) -> None:
    url = f"{desk.url}/v1/traces"
    protobuf = {"content-type": "application/x-protobuf"}
    assert httpx.post(url, content=b"x", headers=protobuf, trust_env=False).status_code == 400
    gzipped = {**protobuf, "content-encoding": "gzip"}
    assert httpx.post(url, content=b"x", headers=gzipped, trust_env=False).status_code == 400
    assert httpx.post(url, json={}, trust_env=False).status_code == 415
    assert httpx.post(url, content=b"", headers=protobuf, trust_env=False).status_code == 200
    large = b"\0" * (17 * 1024 * 1024)
    assert httpx.post(url, content=large, headers=protobuf, trust_env=False).status_code in {400, 413}
