"""Derive `communes.json.gz` from the npm package @etalab/decoupage-administratif.

The same package gives the same bytes of JSON, whatever the machine; the gzip around it is written
without time or file name, and differs only where another zlib compresses otherwise. Anything in
the package that the library does not expect (a code whose département is not its prefix, an old
code with two successors, an unknown type) stops the script instead of producing a doubtful file.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGE = "@etalab/decoupage-administratif"
VERSION = "6.0.0"
SHA256 = "c189ffd5b33fe40c2f19e1a923ce557f190622f39228745d3195d746dfe00c4a"
"""Of the archive as published. Another archive needs a new version and hash here, in one commit."""

DERIVED_SHA256 = "294f8ed31e247c1507421476beb74490d8cc73446e860379d9beb1513b8d46d2"
"""Of the JSON derived from it: lets the tests prove, without a network, that nobody edited the file."""

OUTPUT = Path(__file__).parents[1] / "src" / "territory" / "data" / "communes.json.gz"

Row = dict[str, Any]


class UnexpectedPackage(Exception):
    """The package does not have the shape this script knows; read what changed before going on."""


def require(condition: bool, what: str) -> None:
    if not condition:
        raise UnexpectedPackage(what)


def fetch(folder: Path) -> Path:
    """Download the package with npm and return the archive."""
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    try:
        done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"`{' '.join(command)}` failed ({error}); with an archive at hand, use --package") from error
    return folder / done.stdout.split()[-1]


class Package:
    """The archive, read without being unpacked."""

    def __init__(self, archive: Path) -> None:
        content = archive.read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        require(self.sha256 == SHA256, f"sha256 is {self.sha256}, not that of {PACKAGE} {VERSION}")
        self._files: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                if (stream := tar.extractfile(member)) is not None:
                    self._files[member.name] = stream.read()
            packed = tar.getmember("package/package.json").mtime
        self.published = datetime.fromtimestamp(packed, UTC).date().isoformat()

    def text(self, name: str) -> str:
        require(f"package/{name}" in self._files, f"{name} is missing")
        return self._files[f"package/{name}"].decode()

    def rows(self, name: str) -> list[Row]:
        rows: list[Row] = json.loads(self.text(f"data/{name}.json"))
        return rows

    def year(self) -> int:
        """Return the year of the official geographic code, from the package's own table."""
        row = re.search(rf"\|\s*(\d{{4}})\s*\|\s*{re.escape(VERSION)}\s*\|", self.text("README.md"))
        require(row is not None, "the README no longer says which year this version describes")
        assert row is not None
        return int(row.group(1))


def departement_of(code: str) -> str:
    return code[:3] if code.startswith(("97", "98")) else code[:2]


def current_communes(rows: list[Row]) -> list[Row]:
    current = sorted((row for row in rows if row["type"] == "commune-actuelle"), key=lambda row: row["code"])
    require(len({row["code"] for row in current}) == len(current), "a current code appears twice")
    for row in current:
        require(departement_of(row["code"]) == row["departement"], f"{row['code']} is not in its département")
        require("\n" not in row["nom"], f"{row['code']} has a name on two lines")
    return current


def former_communes(rows: list[Row], current: list[Row]) -> list[list[str | None]]:
    """List [old code, old name or null, code of the successor].

    `anciensCodes` is the only complete list; the name is known when the commune lives on as a
    delegated or associated one, and then that entry says where it belongs today (`anciensCodes`
    follows the history and is wrong after a merger was undone: 55273, 60455). An entry whose code
    is still current is the former name of a part of that commune, kept for finding by name.
    """
    parts = {row["code"]: row for row in rows if row["type"] in ("commune-deleguee", "commune-associee")}
    codes = {row["code"]: row["nom"] for row in current}
    successors: dict[str, str] = {}
    for row in current:
        for old in row.get("anciensCodes", ()):
            require(old not in successors and old not in codes, f"{old} has two successors or is current")
            successors[old] = row["code"]
    for code, row in parts.items():
        require(code in successors or code in codes, f"{code} is neither old nor current")
        require(row["chefLieu"] in codes, f"{code} belongs to a commune that is not current")
        successors[code] = row["chefLieu"]
    former = []
    for old in sorted(successors):
        name = parts[old]["nom"] if old in parts else None
        if old not in codes or (name is not None and name != codes[successors[old]]):
            former.append([old, name, successors[old]])
    return former


def code_steps(current: list[Row]) -> dict[str, list[int]]:
    """Write codes as differences of their last digits, by département: 70 kB less than in full."""
    steps: dict[str, list[int]] = {}
    last = ("", 0)
    for row in current:
        departement = row["departement"]
        number = int(row["code"][len(departement) :])
        steps.setdefault(departement, []).append(number - (last[1] if last[0] == departement else 0))
        last = (departement, number)
    return steps


def derive(package: Package) -> dict[str, object]:
    rows = package.rows("communes")
    kinds = {"commune-actuelle", "commune-deleguee", "commune-associee", "arrondissement-municipal"}
    require({row["type"] for row in rows} == kinds, "the kinds of communes have changed")
    current = current_communes(rows)
    epcis = sorted(package.rows("epci"), key=lambda row: row["code"])
    epci_of = {member["code"]: rank for rank, epci in enumerate(epcis) for member in epci["membres"]}
    require(set(epci_of) <= {row["code"] for row in current}, "an EPCI has a member that is not current")
    departements = sorted(package.rows("departements"), key=lambda row: row["code"])
    arrondissements = [row for row in rows if row["type"] == "arrondissement-municipal"]
    return {
        "source": {
            "package": PACKAGE,
            "version": VERSION,
            "sha256": package.sha256,
            "published": package.published,
            "geography": f"{package.year()}-01-01",
            "licence": "MIT (Etalab) for the package; Licence Ouverte for the data (Insee, DGCL, La Poste)",
        },
        "departements": [[row["code"], row["nom"], row["typeLiaison"]] for row in departements],
        "epcis": [[row["code"], row["nom"]] for row in epcis],
        "steps": code_steps(current),
        "names": "\n".join(row["nom"] for row in current),
        "postal": "\n".join(" ".join(sorted(row.get("codesPostaux", ()))) for row in current),
        "sizes": "".join(chr(ord("a") + int(row.get("population", 0)).bit_length()) for row in current),
        "epci_of": [epci_of.get(row["code"], -1) for row in current],
        "former": former_communes(rows, current),
        "arrondissements": sorted([row["code"], row["nom"], row["commune"]] for row in arrondissements),
    }


def content(package: Package) -> bytes:
    """Return the JSON that the library reads; ends with a line feed."""
    text = json.dumps(derive(package), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode() + b"\n"


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--package", type=Path, metavar="FILE.tgz", help="an archive already at hand; else npm fetches it"
    )
    parser.add_argument("--check", action="store_true", help="compare with the committed file and write nothing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = content(Package(arguments.package or fetch(Path(folder))))
    if arguments.check:
        if gzip.decompress(OUTPUT.read_bytes()) != data:
            raise SystemExit(f"{OUTPUT.name} is not what {PACKAGE} {VERSION} gives: run this script without --check")
        print(f"{OUTPUT.name}: exactly what {PACKAGE} {VERSION} gives")
        return
    write(OUTPUT, data)
    if hashlib.sha256(data).hexdigest() != DERIVED_SHA256:
        print(f"the content has changed: set DERIVED_SHA256 to {hashlib.sha256(data).hexdigest()}")
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes, {len(data)} unpacked")


if __name__ == "__main__":
    main()
