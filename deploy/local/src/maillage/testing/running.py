"""A whole Maillage in a folder of its own, run by the `maillage` command as a person would, for tests."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from maillage.databases import dsn_for, name_of
from maillage.services import inherited
from maillage.stack.postgres import Postgres, PostgresConfig
from maillage.testing.collector import SpanCollector
from maillage.testing.servers import free_ports

PORTS = (
    "PORTAL", "REGISTRATION", "REFERRALS", "TRAINING", "NOTIFICATIONS", "PARTNERS",
    "POSTGRES", "KAFKA", "KAFKA_CONTROLLER", "KAFKA_PARTNER", "DESK", "SMTP", "ZIPKIN",
)  # fmt: skip
MAILLAGE = Path(sys.executable).with_name("maillage")
READY_SECONDS = 110
"""Below a test's own limit; an idle machine takes about 20."""


class RunningStack:
    """Starts, questions, hurts and stops one stack."""

    patience = 1.0
    """How many times the usual limits tests wait for it; nothing waits longer than it must."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        # A developer's own collector would keep the spans from the desk.
        kept = {name: value for name, value in inherited().items() if not name.startswith("OTEL_EXPORTER_")}
        self.environment = {
            **kept,
            "MAILLAGE_STACK": "test",
            "MAILLAGE_DATA_DIR": str(folder / "data"),
            "MAILLAGE_CLOCK_FILE": str(folder / "clock"),
            # 86 MB to fetch and 150 MB to hold: the test of the trace viewer asks for it.
            "MAILLAGE_ZIPKIN": "off",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            **{f"MAILLAGE_{name}_PORT": str(port) for name, port in self.ports.items()},
            **environment,
        }
        self.output = folder / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._tokens: dict[str, tuple[float, str]] = {}
        self._ahead = timedelta(0)
        self.spans = SpanCollector(self.url("desk"))

    @classmethod
    @contextmanager
    def in_temporary_folder(cls, **environment: str) -> Iterator[RunningStack]:
        """Give a stack in a new folder; at the end it is stopped, whatever happened, and the folder removed."""
        folder = Path(tempfile.mkdtemp(prefix="maillage-test-"))
        # The database's user must be able to enter.
        folder.chmod(0o755)
        running = cls(folder, **environment)
        try:
            yield running
        finally:
            running.stop()
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def url(self, service: str) -> str:
        """Return where a service answers."""
        return f"http://127.0.0.1:{self.ports[service.upper()]}"

    def start(self, *arguments: str) -> float:
        """Run `maillage up` until it says that it is ready; return how many seconds that took."""
        started = time.monotonic()
        with self.output.open("ab") as output:
            start = output.tell()
            self._process = subprocess.Popen(
                [str(MAILLAGE), "up", *arguments],
                env=self.environment, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        while time.monotonic() < started + READY_SECONDS:
            text = self.output.read_bytes()[start:].decode()
            if any(line.startswith("Maillage is ready") for line in text.splitlines()):
                return time.monotonic() - started
            if self._process.poll() is not None:
                raise AssertionError(f"maillage up ended with {self._process.returncode}:\n{text}")
            time.sleep(0.05)
        raise AssertionError(f"not ready after {READY_SECONDS} s:\n{self.output.read_text('utf-8')}")

    @property
    def supervisor(self) -> subprocess.Popen[bytes]:
        """The process of `maillage up`."""
        assert self._process is not None, "start it first"
        return self._process

    def stop(self) -> float:
        """Stop everything as Ctrl-C does; return how many seconds that took."""
        if self._process is None or self._process.poll() is not None:
            return 0.0
        started = time.monotonic()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        return time.monotonic() - started

    def run(self, *arguments: str, patience_seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run another `maillage` command beside."""
        return subprocess.run(
            [str(MAILLAGE), *arguments],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False,
            timeout=patience_seconds,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """Return what `maillage status --json` prints."""
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def pid(self, part: str) -> int:
        """Return the present process id of a part, as the supervisor's own file has it."""
        document = json.loads((self.data / "run" / "status.json").read_text("utf-8"))
        return next(int(p["pid"] or 0) for p in document["parts"] if p["name"] == part)

    def advance_clock(self, step: timedelta) -> None:
        """Move the clock of every process forward, those of a later start included; tokens of before expire."""
        self._ahead += step
        draft = self.folder / "clock.new"
        draft.write_text(f"{self._ahead.total_seconds()}\n", encoding="ascii")
        draft.replace(self.folder / "clock")
        self._tokens.clear()

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """Return the e-mails that were caught, newest first; of one recipient when named."""
        return self._caught("mail", to)

    def sms(self, to: str | None = None) -> list[dict[str, Any]]:
        """Return the text messages that were sent, newest first; to one number when named."""
        return self._caught("sms", to)

    def _caught(self, what: str, to: str | None) -> list[dict[str, Any]]:
        asked = {"to": to} if to is not None else None
        answer = httpx.get(f"{self.url('desk')}/{what}.json", params=asked, timeout=10, trust_env=False)
        answer.raise_for_status()
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def admin_dsn(self, service: str) -> str:
        """Return an administrator's address of a service's database."""
        server = Postgres(
            PostgresConfig(
                directory=self.data / "postgres",
                log_file=self.data / "logs" / "postgres.log",
                port=self.ports["POSTGRES"],
            )
        )
        return dsn_for(server.admin_dsn, name_of(service))

    def organisation(self, code: str) -> dict[str, Any]:
        """Return a demonstration organisation: API client, Kafka access, members."""
        document = json.loads((self.data / "run" / "demo.json").read_text("utf-8"))
        return next(dict(o) for o in document["organisations"] if o["code"] == code)

    def token(self, code: str) -> str:
        """Return an access token of a demonstration organisation, or of `operator`."""
        known = self._tokens.get(code)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if code == "operator":
            secret = (self.data / "secrets" / "operator.client-secret").read_text("utf-8").strip()
            credentials = ("operator", secret)
        else:
            api = self.organisation(code)["api"]
            credentials = (api["client_id"], api["client_secret"])
        answer = httpx.post(
            f"{self.url('partners')}/oauth/token",
            auth=credentials, data={"grant_type": "client_credentials"}, timeout=10, trust_env=False,
        )  # fmt: skip
        answer.raise_for_status()
        token = str(answer.json()["access_token"])
        self._tokens[code] = (time.monotonic() + 200, token)
        return token

    def client(self, code: str, service: str) -> httpx.AsyncClient:
        """Return an HTTP client of `service` that acts for an organisation."""
        return httpx.AsyncClient(
            base_url=self.url(service),
            headers={"authorization": f"Bearer {self.token(code)}"}, timeout=40, trust_env=False,
        )  # fmt: skip
