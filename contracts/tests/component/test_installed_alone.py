"""The built wheel in an empty environment: alone with pydantic it decodes every example, with extras it reads feeds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PYDANTIC_AND_WHAT_IT_NEEDS = {
    "annotated-types",
    "pydantic",
    "pydantic-core",
    "typing-extensions",
    "typing-inspection",
}

ALONE = """
import hashlib, hmac, base64, time
from maillage_contracts import MODELS
from maillage_contracts.catalogue import catalogue
from maillage_contracts.webhook import InvalidSignature, verify

assert len(catalogue()) == len(MODELS)
key, now = b"k" * 32, str(int(time.time()))
made = base64.b64encode(hmac.new(key, f"a.{now}.{{}}".encode(), hashlib.sha256).digest()).decode()
headers = {"webhook-id": "a", "webhook-timestamp": now, "webhook-signature": f"v1,{made}"}
verify(headers, b"{}", ["whsec_" + base64.b64encode(key).decode()])
try:
    verify(headers, b"{ }", ["whsec_" + base64.b64encode(key).decode()])
    raise SystemExit("a changed body was accepted")
except InvalidSignature:
    pass
for name in ("feed", "kafka"):
    try:
        __import__("maillage_contracts." + name)
    except ImportError as error:
        print(error)
"""
WITH_EXTRAS = """
from pathlib import Path
from maillage_contracts.feed import AsyncFeed, Feed
from maillage_contracts.kafka import consumer_settings

with Feed("http://127.0.0.1:9", client_id="a", client_secret="b", state=Path("state")) as feed:
    assert feed.cursor is None
assert AsyncFeed.__aiter__
assert consumer_settings("b:1", "cd93", "p")["group.id"] == "partner-cd93-main"
"""


def uv_command() -> str:
    """Return uv's path: beside the running Python first, since `make` installs it there."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        pytest.fail("uv is neither beside Python nor on PATH: the wheel cannot be built")
    return found


def run(*command: str | Path, cwd: Path, environment: Path | None = None) -> str:
    inherited = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    if environment is not None:
        inherited["UV_PROJECT_ENVIRONMENT"] = str(environment)
    done = subprocess.run(command, cwd=cwd, env=inherited, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_alone_in_an_empty_environment_decodes_every_example(
    tmp_path: Path, root: Path, example_files: list[Path]
) -> None:
    uv, empty, outside = uv_command(), tmp_path / "environment", tmp_path / "outside"
    python = empty / "bin" / "python"
    outside.mkdir()
    # The versions of the lock, so that a warm cache is enough and no index is asked.
    run(
        *(uv, "sync", "--frozen", "--no-dev", "--no-install-workspace", "--package", "maillage-contracts"),
        *("--python", sys.executable, "--project", str(root.parent)),
        cwd=outside,
        environment=empty,
    )
    run(uv, "build", "--wheel", "--out-dir", tmp_path / "wheel", root, cwd=outside)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    run(uv, "pip", "install", "--no-deps", "--offline", "--python", python, wheel, cwd=outside)

    installed = json.loads(run(uv, "pip", "list", "--format", "json", "--python", python, cwd=outside))
    decoded = run(python, "-I", "-m", "maillage_contracts", "decode", *example_files, cwd=outside)

    said = run(python, "-I", "-c", ALONE, cwd=outside)
    run(
        *(uv, "sync", "--frozen", "--no-dev", "--no-install-workspace", "--package", "maillage-contracts"),
        *("--all-extras", "--inexact", "--python", sys.executable, "--project", str(root.parent)),
        cwd=outside,
        environment=empty,
    )
    run(python, "-I", "-c", WITH_EXTRAS, cwd=outside)

    assert "maillage-contracts[feed]" in said
    assert "maillage-contracts[kafka]" in said
    assert {package["name"] for package in installed} == {"maillage-contracts", *PYDANTIC_AND_WHAT_IT_NEEDS}
    assert len(decoded.splitlines()) == len(example_files)
