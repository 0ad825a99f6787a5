"""A desk in a process and a folder of its own, as a stack runs it, for tests of whoever writes to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx

from maillage.processes import die_with_parent
from maillage.testing.servers import free_ports

TOKEN = "a token for tests"
READY_SECONDS = 30


class DeskProcess:
    """Listens on free ports; `kill` and `start` again keep what it received."""

    def __init__(self, folder: Path, notifications_url: str = "http://127.0.0.1:1") -> None:
        self.folder = folder
        self.port, self.smtp_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "desk.log"
        (folder / "token").write_text(TOKEN, "ascii")
        self._environment = {
            **os.environ,
            "MAILLAGE_DESK_FOLDER": str(folder / "desk"),
            "MAILLAGE_DESK_PORT": str(self.port),
            "MAILLAGE_SMTP_PORT": str(self.smtp_port),
            "MAILLAGE_SMS_TOKEN_FILE": str(folder / "token"),
            "MAILLAGE_NOTIFICATIONS_URL": notifications_url,
            "MAILLAGE_PORTAL_URL": "http://127.0.0.1:1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it from the main thread, and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "maillage.desk"],
                env=self._environment,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(SIGKILL),  # noqa: PLW1509 (one system call, from the main thread)
            )
        self.until(lambda: self.get("/health/ready")["ready"])

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def get(self, path: str) -> Any:
        """Return a JSON document of its own."""
        return httpx.get(f"{self.url}{path}", trust_env=False, timeout=10).json()

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return a list of its own: `/mail.json`, `/sms.json`."""
        found: list[dict[str, Any]] = self.get(path)["items"]
        return found

    def until(self, condition: Callable[[], object], seconds: float = READY_SECONDS) -> None:
        """Return once the condition holds; fails after so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"the condition did not come true in time; see {self.log}"
            time.sleep(0.05)
