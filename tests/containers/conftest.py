"""What the tests of images and compose share: an engine that answers, the images, one stack in containers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# pytest's importlib mode adds no path: the tests find what they share from the root.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.containers.composed import NO_IMAGE, TOP, ComposedStack, docker  # found by the line above

NO_ENGINE = (
    "AUCUN MOTEUR DOCKER NE RÉPOND : images et compose ne sont pas essayés · NO DOCKER ENGINE ANSWERS: not tried"
)
NO_COMPOSE = "docker compose EST ABSENT : le fichier n'est pas validé · docker compose IS ABSENT: not tried"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, where nobody overlooks it, what was not tried."""
    skipped = str([report.longrepr for report in terminalreporter.stats.get("skipped", ())])
    for reason in (NO_COMPOSE, NO_ENGINE):
        if reason in skipped:
            terminalreporter.write_line(reason, red=True, bold=True)
    for one in sorted(set(re.findall(rf"{re.escape(NO_IMAGE)}[^'\"\\]*", skipped))):
        terminalreporter.write_line(one, red=True, bold=True)


@pytest.fixture(scope="session")
def compose_program() -> None:
    """Skip, loudly, where the compose program is absent; it needs no engine."""
    if shutil.which("docker") is None or docker("compose", "version", check=False).returncode != 0:
        pytest.skip(NO_COMPOSE)


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip, loudly, where no Docker engine answers."""
    if shutil.which("docker") is None or docker("info", check=False).returncode != 0:
        pytest.skip(NO_ENGINE)


@pytest.fixture(scope="session")
def images(engine: None) -> None:
    """Build every image from this checkout, as a person would."""
    done = subprocess.run(["make", "-s", "images"], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def composed(images: None) -> Iterator[ComposedStack]:
    """Start everything in containers; the demonstration was played when this returns."""
    with ComposedStack.fresh() as stack:
        stack.start()
        yield stack
