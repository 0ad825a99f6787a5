"""What partners verify with: the library of each language reads what is really sent."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chassis.testing.receivers import Receiver

World: TypeAlias = Any

ROOT = Path(__file__).resolve().parents[5]
PAGE = ROOT / "docs" / "partners" / "webhooks.md"


def snippet(language: str, part: str) -> str:
    """Return a snippet of the partners' page: `part` names it on its fence."""
    page = PAGE.read_text(encoding="utf-8")
    return page.split(f"```{language} {part}\n")[1].split("```")[0]


async def request_of(world: World, receiver: Receiver) -> tuple[dict[str, Any], Any]:
    webhook = await world.webhook(receiver)
    await world.project(world.referral())
    await world.until(lambda: len(receiver.events()) == 3)
    return webhook, receiver.accepted[-1]


async def test_python_library_and_the_pages_snippets_accept_it_and_refuse_what_was_altered(
    world: World, receiver: Receiver, tmp_path: Path
) -> None:
    webhook, seen = await request_of(world, receiver)

    Webhook(webhook["secret"]).verify(seen.body, seen.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook["secret"]).verify(seen.body + b" ", seen.headers)

    (tmp_path / "verify.py").write_text(snippet("python", "verify"), encoding="utf-8")
    space = runpy.run_path(str(tmp_path / "verify.py"))
    assert space["verify"](webhook["secret"], seen.headers, seen.body)["id"] == seen.event["id"]
    for headers, body in (
        (seen.headers, seen.body + b" "),
        ({**seen.headers, "webhook-timestamp": "1700000000"}, seen.body),
        ({**seen.headers, "webhook-signature": "v1,AAAA"}, seen.body),
    ):
        with pytest.raises(ValueError, match=r"signature|horodatage"):
            space["verify"](webhook["secret"], headers, body)

    _node(tmp_path, webhook["secret"], seen)


def _node(folder: Path, secret: str, seen: Any) -> None:
    node = shutil.which("node")
    if node is None:
        warnings.warn("NODE EST ABSENT : la vérification JavaScript n’a pas été jouée", UserWarning, stacklevel=1)
        pytest.skip("NODE EST ABSENT · node is missing: the JavaScript snippet was NOT verified")
    (folder / "verify.mjs").write_text(snippet("javascript", "verify"), encoding="utf-8")
    (folder / "seen.json").write_text(
        json.dumps({"secret": secret, "headers": seen.headers, "body": seen.body.decode()}), encoding="utf-8"
    )
    (folder / "run.mjs").write_text(
        'import { readFileSync } from "node:fs";\n'
        'import { verify } from "./verify.mjs";\n'
        'const { secret, headers, body } = JSON.parse(readFileSync("seen.json"));\n'
        "const refused = (h, b) => { try { verify(secret, h, b); return false } catch { return true } };\n"
        'console.log(JSON.stringify([verify(secret, headers, body).id, refused(headers, body + " "),\n'
        '  refused({ ...headers, "webhook-timestamp": "1700000000" }, body)]));\n',
        encoding="utf-8",
    )
    done = subprocess.run([node, "run.mjs"], cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [seen.event["id"], True, True]


@pytest.mark.long
async def test_npm_library_accepts_it(world: World, receiver: Receiver, tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("NODE OU NPM EST ABSENT · node or npm is missing: the npm library was NOT asked")
    webhook, seen = await request_of(world, receiver)
    install = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(tmp_path), "standardwebhooks@1"]
    if subprocess.run(install, capture_output=True, timeout=90, check=False).returncode != 0:
        pytest.skip("NPM NE RÉPOND PAS · npm cannot install standardwebhooks: the npm library was NOT asked")
    (tmp_path / "run.cjs").write_text(
        'const { Webhook } = require("standardwebhooks");\n'
        'const { secret, headers, body } = JSON.parse(require("fs").readFileSync("seen.json"));\n'
        "console.log(new Webhook(secret).verify(body, headers).id);\n",
        encoding="utf-8",
    )
    (tmp_path / "seen.json").write_text(
        json.dumps({"secret": webhook["secret"], "headers": seen.headers, "body": seen.body.decode()}), encoding="utf-8"
    )
    done = subprocess.run([node, "run.cjs"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.strip() == seen.event["id"], done.stderr
