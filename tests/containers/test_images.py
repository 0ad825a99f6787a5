"""The images: they start alone, as anybody, writing nowhere; and hold nothing that was only needed to build them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from tests.containers.composed import IMAGES, SERVICES, TOP, docker, image

from chassis.ids import new_id
from maillage.secrets import Secrets

pytestmark = [
    pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(1800), pytest.mark.usefixtures("images"),
]  # fmt: skip

LIVE = "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000); c.request('GET', '/health/live'); {then}"
READY_SECONDS = 240


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Return a folder of secrets that any user may read, as no site would have it."""
    made = Secrets(tmp_path / "secrets")
    made.generate()
    made.kafka_password_file()
    for path in made.folder.iterdir():
        path.chmod(0o644)
    made.folder.chmod(0o755)
    return made.folder


@pytest.fixture
def started(secrets: Path) -> Iterator[Callable[[str], str]]:
    """Return what starts a service's container without network, as another user, with a read-only root."""
    name = f"maillage-test-{new_id().hex[-8:]}"

    def start(service: str) -> str:
        settings = {
            "STACK": "embedded", "HTTP_PORT": "8000", "DATABASE_DSN": "postgresql://nobody@192.0.2.1/none",
            "KAFKA_BOOTSTRAP": "192.0.2.1:9092", "TOKEN_ISSUER": "http://partners.test",
            "TOKEN_URL": "http://partners.test/oauth/token", "JWKS_URL": "http://partners.test/jwks",
            "CLIENT_ID": service, "CLIENT_SECRET_FILE": f"/run/secrets/{service}.client-secret",
            "MASTER_KEY_FILE": f"/run/secrets/{service}.master-key", "SMTP_HOST": "192.0.2.1",
            "SMS_URL": "http://192.0.2.1", "SMS_TOKEN_FILE": "/run/secrets/sms.token",
            "SIGNING_KEY_FILE": "/run/secrets/partners.signing-key.pem",
            "BOOTSTRAP_CLIENTS_FILE": "/run/secrets/bootstrap-clients.json",
            **{f"{other.upper()}_URL": f"http://{other}.test" for other in SERVICES},
        }  # fmt: skip
        given = [text for key, value in settings.items() for text in ("--env", f"MAILLAGE_{key}={value}")]
        docker(
            "run", "--detach", "--name", name, "--network", "none", "--user", "12345:12345", "--read-only",
            "--cap-drop", "ALL", "--volume", f"{secrets}:/run/secrets:ro", *given, image(service),
        )  # fmt: skip
        return name

    yield start
    docker("rm", "--force", name, check=False)


@pytest.mark.parametrize("service", SERVICES)
def test_it_starts_without_network_as_another_user_with_a_read_only_root(
    started: Callable[[str], str], service: str
) -> None:
    name = started(service)
    ask = LIVE.format(then="print(c.getresponse().read().decode())")
    deadline = monotonic() + READY_SECONDS
    while (answer := docker("exec", name, "python", "-I", "-c", ask, check=False)).returncode != 0:
        assert monotonic() < deadline, docker("logs", name).stdout
        sleep(0.2)

    assert json.loads(answer.stdout)["service"] == service
    asked = docker("exec", name, "python", "-I", "-m", "chassis.healthcheck", "8000", check=False)
    # Alive, and not ready: what it needs is out of reach, and the health check says so.
    assert (asked.returncode, json.loads(asked.stdout or "{}").get("ready")) == (1, False)


def test_a_missing_setting_is_refused_by_its_name() -> None:
    refused = docker("run", "--rm", "--network", "none", "--read-only", image("referrals"), check=False)

    assert refused.returncode == 2
    assert "MAILLAGE_DATABASE_DSN" in refused.stderr


@pytest.mark.parametrize("service", IMAGES)
def test_nothing_that_was_needed_to_build_it_is_left(service: str) -> None:
    look = "command -v gcc cc make uv; ls -d /root/.cache/* /src 2>/dev/null; id -u; python -m pip --version >/dev/null"
    said = docker("run", "--rm", "--network", "none", "--read-only", image(service), "sh", "-c", look, check=False)

    assert said.stdout.split() == ["10001"]


def test_services_share_their_layers_but_the_last() -> None:
    described = json.loads(docker("image", "inspect", *(image(name) for name in IMAGES)).stdout)
    layers = [one["RootFS"]["Layers"] for one in described]

    assert len({tuple(one[:-1]) for one in layers}) == 1
    assert len({one[-1] for one in layers}) == len(IMAGES)
    for one in described:
        labels = one["Config"]["Labels"]
        assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
        assert labels["org.opencontainers.image.version"] == "0.1.0"


def test_the_sizes_in_the_readme_are_those_of_the_layers() -> None:
    page = (TOP / "deploy" / "README.md").read_text("utf-8")
    (told,) = re.findall(r"\| the last layer: (.*) \| MB \|", page)
    (shared,) = re.findall(r"\| what all services depend on, .* \| (\d+) MB \|", page)
    written = {name: float(size) for name, size in re.findall(r"(\w+) ([\d.]+)", told)}

    for name in IMAGES:
        history = docker("history", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", image(name)).stdout
        last, _, dependencies = [
            int(line.split()[0]) / 1e6 for line in history.splitlines() if "/opt/maillage #" in line
        ]
        # A size that has moved by a tenth is written again; the sum of a page is no measure of a package's release.
        assert last == pytest.approx(written[name], rel=0.1, abs=0.2), name
        assert dependencies == pytest.approx(float(shared), rel=0.05)
