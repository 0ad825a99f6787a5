"""Receive webhooks with maillage-contracts: python webhook.py. Needs only the package; PORT is 8080 by default."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from maillage_contracts import InvalidPayload
from maillage_contracts.webhook import InvalidSignature, challenge_of, read_webhook

SECRETS = os.environ["MAILLAGE_WEBHOOK_SECRETS"].split()
BODY_BYTES_MAX = 2_000_000


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length", "0")), BODY_BYTES_MAX))
        try:
            received = read_webhook(dict(self.headers.items()), body, SECRETS)
        except InvalidSignature:
            self.answer(401)
        except InvalidPayload:
            self.answer(400)
        else:
            challenge = challenge_of(received)
            if challenge is None:
                # Here comes your own work: store the event, deduplicated on received.id, then answer.
                print(received.id, received.type, flush=True)
            self.answer(204 if challenge is None else 200, challenge)

    def answer(self, status: int, challenge: str | None = None) -> None:
        content = b"" if challenge is None else json.dumps({"challenge": challenge}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver) as server:
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
