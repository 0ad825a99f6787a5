"""The package `maillage-contracts` as a wheel, made of the files that this process itself runs with.

A wheel is a zip of a package and its metadata, and this one is pure Python. Made here it exists wherever the portal
does (a checkout, an image, a test), needs no tool, no folder and no network, and is never another version than the one
whose events these pages describe. The same files give the same bytes, so its SHA-256 holds on every replica.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from importlib.resources import files
from importlib.resources.abc import Traversable

NAME = "maillage_contracts"
TAG = "py3-none-any"
OLDEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can say: the same for every file, whenever this is made."""

FILE_MODE = 0o100644


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel and what it is checked by."""

    filename: str
    body: bytes
    sha256: str


@cache
def contracts_wheel() -> Wheel:
    """Return the wheel, made once a process."""
    found = distribution(NAME.replace("_", "-"))
    about = f"{NAME}-{found.version}.dist-info"
    members = dict(_members(files(NAME), NAME))
    members[f"{about}/METADATA"] = (found.read_text("METADATA") or "").encode()
    members[f"{about}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: maillage\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode()
    members[f"{about}/RECORD"] = _record(members, f"{about}/RECORD")
    body = _zipped(members)
    return Wheel(f"{NAME}-{found.version}-{TAG}.whl", body, hashlib.sha256(body).hexdigest())


def _members(folder: Traversable, before: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        path = f"{before}/{entry.name}"
        if entry.is_file() and not entry.name.endswith(".pyc"):
            yield path, entry.read_bytes()
        elif entry.is_dir() and entry.name != "__pycache__":
            yield from _members(entry, path)


def _record(members: dict[str, bytes], own: str) -> bytes:
    def line(path: str, body: bytes) -> str:
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        return f"{path},sha256={digest},{len(body)}\n"

    return ("".join(line(path, body) for path, body in members.items()) + f"{own},,\n").encode()


def _zipped(members: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    # Stored, not compressed: compressed bytes may differ between two versions of zlib.
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for path, body in members.items():
            member = zipfile.ZipInfo(path, OLDEST)
            member.create_system = 3
            member.external_attr = FILE_MODE << 16
            archive.writestr(member, body)
    return whole.getvalue()
