"""The package that the portal gives away: a wheel like any other, always the same bytes, of the version that runs."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from importlib.metadata import version
from pathlib import Path

import maillage_contracts
from portal.adapters.contracts_wheel import contracts_wheel

from .conftest import Portal

INSTALLED = Path(maillage_contracts.__file__).parent


def test_wheel_holds_the_whole_package_and_says_so() -> None:
    wheel = contracts_wheel()
    about = f"maillage_contracts-{version('maillage-contracts')}.dist-info"
    with zipfile.ZipFile(io.BytesIO(wheel.body)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    listed = {row[0]: row[1:] for row in csv.reader(io.StringIO(found[f"{about}/RECORD"].decode()))}
    ours = {
        f"maillage_contracts/{path.relative_to(INSTALLED)}": path.read_bytes()
        for path in INSTALLED.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name: body for name, body in found.items() if name.startswith("maillage_contracts/")} == ours
    assert set(found) - set(ours) == {f"{about}/{name}" for name in ("METADATA", "WHEEL", "RECORD")}
    assert set(listed) == set(found)
    for name, body in found.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        assert listed[name] == (["", ""] if name.endswith("RECORD") else [f"sha256={digest}", str(len(body))])
    assert b"Requires-Dist: pydantic" in found[f"{about}/METADATA"]


def test_wheel_is_the_same_bytes_on_every_replica() -> None:
    assert contracts_wheel.__wrapped__() == contracts_wheel()


async def test_wheel_is_given_to_anybody_under_its_own_name_only(portal: Portal) -> None:
    wheel = contracts_wheel()
    given = await portal.browser.get(f"/contrats/{wheel.filename}")
    assert (given.status_code, hashlib.sha256(given.content).hexdigest()) == (200, wheel.sha256)
    assert (await portal.browser.get("/contrats/maillage_contracts-9.9.9-py3-none-any.whl")).status_code == 404
