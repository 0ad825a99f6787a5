"""The `maillage` command with services that only say they are ready: what is tested is the start, not the services.

Run as a program by `test_up.py`; PostgreSQL and Kafka are the real embedded ones.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import maillage.databases
import maillage.services
import maillage.up
from maillage.cli import main
from maillage.secrets import Secrets
from maillage.services import Endpoints
from maillage.settings import LocalSettings
from maillage.supervisor import Part

NAMES = ("registration", "portal")

SERVICE = """
import http.server, os, signal, sys
if sys.argv[2] == "fail":
    sys.exit(9)
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"service": "x", "version": "0.1.0", "ready": true, "checks": {}}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["MAILLAGE_HTTP_PORT"])), Ready).serve_forever()
"""

real_part = maillage.services.part
failing = sys.argv.pop(1)


def part(service: str, settings: LocalSettings, secrets: Secrets, endpoints: Endpoints) -> Part:
    """Return the real part with another program in it."""
    made = real_part(service, settings, secrets, replace(endpoints, databases=dict.fromkeys(NAMES, "")))
    outcome = "fail" if service == failing else "serve"
    return replace(made, command=replace(made.command, argv=(sys.executable, "-c", SERVICE, service, outcome)))


vars(maillage.services)["part"] = part
vars(maillage.up)["SERVICE_NAMES"] = NAMES
vars(maillage.databases)["SERVICE_NAMES"] = ()
main()
