"""A whole Maillage in containers, questioned by the same means as one on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chassis.ids import new_id
from maillage.databases import dsn_for, name_of
from maillage.testing.running import RunningStack
from maillage.testing.servers import free_ports

NO_IMAGE = "IMAGES ABSENTES, NI ICI NI À PRENDRE : pas essayé · IMAGES NEITHER HERE NOR TO BE HAD: not tried:"
TOP = Path(__file__).resolve().parents[2]
SERVICES = ("registration", "referrals", "training", "notifications", "partners", "portal")
IMAGES = (*SERVICES, "maillage")
FILES = ("docker-compose.yml", "tests/containers/published.yaml")
WITHOUT_MAILPIT = "deploy/compose/without-mailpit.yml"
BROKER_PORTS = ("KAFKA_PARTNER", "KAFKA_2_PARTNER", "KAFKA_3_PARTNER")
PROFILE_PORTS = (*BROKER_PORTS[1:], "JAEGER", "PROMETHEUS", "GRAFANA", "KAFBAT", "MAILPIT")
UP_SECONDS = 900
"""36 s on an idle machine."""
MAKE_SECONDS = 1500
"""Every image anew, then everything up."""


def docker(*arguments: str, seconds: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a docker command in the checkout; fails with what it said."""
    done = subprocess.run(["docker", *arguments], cwd=TOP, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done


def image(service: str) -> str:
    """Return the name under which `make images` leaves an image."""
    return f"maillage/{service}:0.1.0"


def image_of(service: str) -> str:
    """Return the image that the file names for a service of any profile."""
    found: str = configuration((), "observability")["services"][service]["image"]
    return found


@cache
def to_be_had(name: str) -> bool:
    """Tell whether an image is here or could be taken from its registry, and now is here."""
    return any(
        docker(*asked, name, seconds=600, check=False).returncode == 0
        for asked in (("image", "inspect"), ("pull", "--quiet"))
    )


class ComposedStack(RunningStack):
    """One project of its own, on free ports: `start` and `stop` are compose's up and down."""

    patience = 5.0
    """Some fifteen containers, each with its health check, share the processors with whatever else runs."""

    def __init__(self, folder: Path, env_file: str = "") -> None:
        super().__init__(folder)
        self.project = f"maillage-test-{new_id().hex[-8:]}"
        self.env_file = env_file
        self.files = FILES if to_be_had(image_of("mailpit")) else (*FILES, WITHOUT_MAILPIT)
        # The names under which the file takes what the profiles publish.
        self.ports |= dict(zip(PROFILE_PORTS, free_ports(len(PROFILE_PORTS)), strict=True))
        own = {
            f"{'COMPOSED' if name in PROFILE_PORTS else 'MAILLAGE'}_{name}_PORT": str(port)
            for name, port in self.ports.items()
        }
        foreign = ("MAILLAGE_", "COMPOSED_", "OTEL_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.environment = {**kept, **own, "COMPOSE_PROJECT_NAME": self.project}
        if env_file == "brokers.env":
            addresses = (f"127.0.0.1:{self.ports[name]}" for name in BROKER_PORTS)
            self.environment["COMPOSED_PARTNER_BROKERS"] = ",".join(addresses)

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
        done = self._compose(*arguments)
        assert done.returncode == 0 or not check, f"{arguments}\n{done.stdout}\n{done.stderr}\n{self._said()}"
        return done.stdout

    def _compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        files = [text for name in self.files for text in ("-f", name)]
        env_file = ["--env-file", f"deploy/compose/{self.env_file}"] if self.env_file else []
        return subprocess.run(
            ["docker", "compose", *env_file, *files, *arguments],
            env=self.environment, cwd=TOP, capture_output=True, text=True, check=False, timeout=UP_SECONDS,
        )  # fmt: skip

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
        self.take_credentials()
        return time.monotonic() - started

    def take_credentials(self) -> None:
        """Copy out of the volumes what the tests act and look with."""
        for volume, name in (
            ("demonstration", "demo.json"),
            ("secrets", "operator.client-secret"),
            ("secrets", "shares/postgres/admin-password"),
        ):
            kept = self.data / ("run" if volume == "demonstration" else "secrets") / Path(name).name
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(self.file_of(volume, name), "utf-8")

    def stop(self) -> float:
        """Remove the containers, keep the volumes; return how many seconds that took."""
        started = time.monotonic()
        self.compose("down", "--timeout", "30")
        return time.monotonic() - started

    def operator(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the operator's command as deploy/README says; whatever it returns."""
        return self.run_once("operator", *arguments)

    def run_once(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a container for one command, as `docker compose run --rm` takes it; whatever it returns."""
        return self._compose("run", "--rm", "--no-TTY", *arguments)

    def make(self, target: str, *variables: str, where: Path = TOP, over: Sequence[Path] = ()) -> str:
        """Run a target of the Makefile for this project, in a checkout, with files over its own; return its words."""
        files = ":".join(map(str, (*(where / name for name in FILES), *over)))
        done = subprocess.run(
            ["make", "-s", target, *variables],
            env={**self.environment, "COMPOSE_FILE": files},
            cwd=where, capture_output=True, text=True, check=False, timeout=MAKE_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"make {target}\n{done.stdout}\n{done.stderr}\n{self._said()}"
        return done.stdout

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


def needs(*services: str) -> None:
    """Skip, loudly, where the image of a service is neither here nor to be had: no registry may be in reach."""
    if gone := [name for name in map(image_of, services) if not to_be_had(name)]:
        pytest.skip(f"{NO_IMAGE} {', '.join(gone)}")


def configuration(arguments: Sequence[str] = (), *profiles: str) -> dict[str, Any]:
    """Return the compose file as the compose program understands it, without an environment of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAILLAGE_", "COMPOSE"))}
    chosen = [text for profile in profiles for text in ("--profile", profile)]
    done = subprocess.run(
        ["docker", "compose", *arguments, *chosen, "config", "--format", "json"],
        env=kept, cwd=TOP, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
