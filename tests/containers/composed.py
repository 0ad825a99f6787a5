"""A whole Maillage in containers, questioned by the same means as one on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chassis.ids import new_id
from maillage.databases import dsn_for, name_of
from maillage.testing.running import RunningStack

TOP = Path(__file__).resolve().parents[2]
SERVICES = ("registration", "referrals", "training", "notifications", "partners", "portal")
IMAGES = (*SERVICES, "maillage")
UP_SECONDS = 400
"""36 s on an idle machine."""


def docker(*arguments: str, seconds: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a docker command in the checkout; fails with what it said."""
    done = subprocess.run(["docker", *arguments], cwd=TOP, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done


def image(service: str) -> str:
    """Return the name under which `make images` leaves an image."""
    return f"maillage/{service}:0.1.0"


class ComposedStack(RunningStack):
    """One project of its own, on free ports: `start` and `stop` are compose's up and down."""

    def __init__(self, folder: Path, env_file: str = "") -> None:
        super().__init__(folder)
        self.project = f"maillage-test-{new_id().hex[-8:]}"
        self.env_file = env_file
        more = {"COMPOSED_KAFKA_2_PARTNER_PORT": "KAFKA", "COMPOSED_KAFKA_3_PARTNER_PORT": "KAFKA_CONTROLLER"}
        more |= {"COMPOSED_KAFBAT_PORT": "ZIPKIN"}
        own = {f"MAILLAGE_{name}_PORT": str(port) for name, port in self.ports.items()}
        own |= {name: str(self.ports[of]) for name, of in more.items()}
        foreign = ("MAILLAGE_", "COMPOSED_", "OTEL_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.environment = {**kept, **own, "COMPOSE_PROJECT_NAME": self.project}
        if env_file:
            brokers = ",".join(f"127.0.0.1:{self.ports[n]}" for n in ("KAFKA_PARTNER", "KAFKA", "KAFKA_CONTROLLER"))
            self.environment["COMPOSED_PARTNER_BROKERS"] = brokers

    @classmethod
    @contextmanager
    def fresh(cls, env_file: str = "") -> Iterator[ComposedStack]:
        """Give a project without containers yet; at the end its containers and volumes are removed."""
        with tempfile.TemporaryDirectory(prefix="maillage-test-") as folder:
            stack = cls(Path(folder), env_file)
            try:
                yield stack
            finally:
                stack.compose("down", "--volumes", "--timeout", "5", check=False)

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run a compose command of this project and return its output; fails with what it said."""
        files = ["-f", "docker-compose.yml", "-f", "tests/containers/published.yaml"]
        env_file = ["--env-file", f"deploy/compose/{self.env_file}"] if self.env_file else []
        done = subprocess.run(
            ["docker", "compose", *env_file, *files, *arguments],
            env=self.environment, cwd=TOP, capture_output=True, text=True, check=False, timeout=UP_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0 or not check, f"{arguments}\n{done.stdout}\n{done.stderr}\n{self._said()}"
        return done.stdout

    def _said(self) -> str:
        done = subprocess.run(
            ["docker", "compose", "-p", self.project, "logs", "--tail", "15"],
            cwd=TOP, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.stdout

    def start(self, *arguments: str) -> float:
        """Bring everything up and wait for the end of the demonstration; return how many seconds that took."""
        started = time.monotonic()
        self.compose("up", "--detach", "--no-build", *arguments)
        docker("wait", f"{self.project}-story-1", seconds=UP_SECONDS)
        assert self.exit_code("story") == 0, self.compose("logs", "story")
        for volume, name in (
            ("demonstration", "demo.json"),
            ("secrets", "operator.client-secret"),
            ("secrets", "shares/postgres/admin-password"),
        ):
            kept = self.data / ("run" if volume == "demonstration" else "secrets") / Path(name).name
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(self.file_of(volume, name), "utf-8")
        return time.monotonic() - started

    def stop(self) -> float:
        """Remove the containers, keep the volumes; return how many seconds that took."""
        started = time.monotonic()
        self.compose("down", "--timeout", "30")
        return time.monotonic() - started

    def exit_code(self, service: str) -> int:
        """Return how a job ended."""
        return int(docker("inspect", "--format", "{{.State.ExitCode}}", f"{self.project}-{service}-1").stdout)

    def file_of(self, volume: str, name: str) -> str:
        """Return a file of one of the project's volumes."""
        mounted = ("--volume", f"{self.project}_{volume}:/volume:ro")
        return docker("run", "--rm", "--network", "none", *mounted, image("maillage"), "cat", f"/volume/{name}").stdout

    def admin_dsn(self, service: str) -> str:
        """Return an administrator's address of a service's database."""
        password = (self.data / "secrets" / "admin-password").read_text("utf-8").strip()
        server = f"postgresql://postgres:{password}@127.0.0.1:{self.ports['POSTGRES']}/postgres"
        return dsn_for(server, name_of(service))


def configuration(env_file: str = "", *profiles: str) -> dict[str, Any]:
    """Return the compose file as the compose program understands it, without an environment of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAILLAGE_", "COMPOSE"))}
    arguments = ["--env-file", f"deploy/compose/{env_file}"] if env_file else []
    arguments += [text for profile in profiles for text in ("--profile", profile)]
    done = subprocess.run(
        ["docker", "compose", *arguments, "config", "--format", "json"],
        env=kept, cwd=TOP, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
