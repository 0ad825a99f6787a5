"""The committed file: unedited, derived as the script says, and cheap to load.

That the package still gives this file needs the package: `tools/make_data.py --check` does that, and
the last test here when MAILLAGE_TEST_TERRITORY_PACKAGE names an archive.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import territory

SERVICE = Path(__file__).parents[2]
Row = dict[str, Any]
Files = dict[str, list[Row]]

FILE = SERVICE / "src" / "territory" / "data" / "communes.json.gz"


@pytest.fixture(scope="module")
def make_data() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_data", SERVICE / "tools" / "make_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(code: str, name: str, kind: str = "commune-actuelle", **more: object) -> Row:
    return {"code": code, "nom": name, "type": kind, "departement": code[:2], **more}


SMALL: Files = {
    "communes": [
        row("01004", "Beta", population=70, codesPostaux=["01100", "01090"], anciensCodes=["01003", "01002", "01005"]),
        row("01001", "Alpha", population=3),
        row("01002", "Gamma", "commune-deleguee", chefLieu="01001"),
        row("01004", "Old Beta", "commune-deleguee", chefLieu="01004"),
        row("01201", "Beta 1er Arrondissement", "arrondissement-municipal", commune="01004"),
        row("01005", "Delta", "commune-associee", chefLieu="01004"),
    ],
    "epci": [{"code": "200000001", "nom": "CC", "membres": [{"code": "01004"}]}],
    "departements": [{"code": "01", "nom": "Ain", "typeLiaison": 5}],
}


@pytest.fixture
def package_of(make_data: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Files], Any]:
    def build(files: Files) -> Any:
        texts = {f"data/{name}.json": json.dumps(rows) for name, rows in files.items()}
        texts |= {"package.json": "{}", "README.md": f"| 2026  | {make_data.VERSION}  |"}
        path = tmp_path / "package.tgz"
        with tarfile.open(path, "w:gz") as tar:
            for name, text in texts.items():
                member = tarfile.TarInfo(f"package/{name}")
                member.size = len(text.encode())
                tar.addfile(member, io.BytesIO(text.encode()))
        monkeypatch.setattr(make_data, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
        return make_data.Package(path)

    return build


def test_committed_file_is_what_the_script_derived(make_data: ModuleType) -> None:
    content = gzip.decompress(FILE.read_bytes())

    assert hashlib.sha256(content).hexdigest() == make_data.DERIVED_SHA256
    assert territory.source().sha256 == make_data.SHA256


def test_file_says_where_it_comes_from(make_data: ModuleType) -> None:
    source = territory.source()

    assert (source.package, source.version) == (make_data.PACKAGE, make_data.VERSION)
    assert source.geography == "2026-01-01"
    assert source.published == "2026-03-09"
    assert "MIT" in source.licence
    assert "Licence Ouverte" in source.licence


def test_packing_twice_gives_the_same_bytes(make_data: ModuleType, tmp_path: Path) -> None:
    first, second = tmp_path / "first.gz", tmp_path / "second.gz"
    make_data.write(first, b"[]\n")
    make_data.write(second, b"[]\n")

    assert first.read_bytes() == second.read_bytes()
    assert FILE.read_bytes()[3:8] == bytes(5), "no file name, no time"


def test_deriving_keeps_current_communes_and_the_way_to_them(
    make_data: ModuleType, package_of: Callable[[Files], Any]
) -> None:
    package = package_of(SMALL)

    derived = json.loads(make_data.content(package))

    assert derived["names"].split("\n") == ["Alpha", "Beta"]
    assert derived["steps"] == {"01": [1, 3]}
    assert derived["postal"].split("\n") == ["", "01090 01100"]
    assert derived["sizes"] == "ch"
    assert derived["epci_of"] == [-1, 0]
    assert derived["arrondissements"] == [["01201", "Beta 1er Arrondissement", "01004"]]
    assert derived["former"] == [
        ["01002", "Gamma", "01001"],
        ["01003", None, "01004"],
        ["01004", "Old Beta", "01004"],
        ["01005", "Delta", "01004"],
    ]
    assert make_data.content(package) == make_data.content(package)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (row("01001", "Alpha again"), "appears twice"),
        (row("01009", "Elsewhere") | {"departement": "02"}, "not in its département"),
        (row("01009", "Other", anciensCodes=["01003"]), "two successors"),
        (row("01009", "Other", anciensCodes=["01001"]), "two successors or is current"),
        (row("01009", "Lost", "commune-deleguee", chefLieu="01008"), "neither old nor current"),
        (row("01009", "New", "commune-lunaire"), "kinds of communes"),
    ],
)
def test_package_of_another_shape_is_refused(
    make_data: ModuleType, package_of: Callable[[Files], Any], changed: Row, said: str
) -> None:
    package = package_of(SMALL | {"communes": [*SMALL["communes"], changed]})

    with pytest.raises(make_data.UnexpectedPackage, match=said):
        make_data.content(package)


def test_another_archive_is_refused_by_its_hash(make_data: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "other.tgz"
    path.write_bytes(b"other")

    with pytest.raises(make_data.UnexpectedPackage, match="sha256"):
        make_data.Package(path)


def test_import_reads_nothing_and_loading_is_quick() -> None:
    script = """
import sys, time, territory
from territory.dataset import load
from territory.names import name_index
assert load.cache_info().currsize == name_index.cache_info().currsize == 0
started = time.process_time()
territory.commune("93048")
print(time.process_time() - started)
assert name_index.cache_info().currsize == 0
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    # Measured: 0.04 s of processor time on one core. The limit allows for a machine three times slower.
    assert float(done.stdout) < 0.15


def test_example_of_the_readme_runs() -> None:
    _, code, _ = (SERVICE / "README.md").read_text().split("```", 2)

    subprocess.run([sys.executable, "-c", code.removeprefix("python")], check=True)


def test_package_gives_the_committed_file(make_data: ModuleType) -> None:
    given = os.environ.get("MAILLAGE_TEST_TERRITORY_PACKAGE")
    if not given:
        pytest.skip(
            "MAILLAGE_TEST_TERRITORY_PACKAGE names no archive; `tools/make_data.py --check` fetches it and compares"
        )

    assert make_data.content(make_data.Package(Path(given))) == gzip.decompress(FILE.read_bytes())
