"""Write what is generated from the models, or check that what is there is current.

`schemas/*.schema.json` (one a type), `schemas/asyncapi.yaml`, and the package's own `examples.json` (one example a
type). The same models and examples give the same bytes. `released/`, what the last release was, is never written here.

    python contracts/tools/export.py            writes, and deletes schemas that no model has any more
    python contracts/tools/export.py --check    changes nothing; exit code 1 where a file is stale
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from maillage_contracts.asyncapi import asyncapi
from maillage_contracts.registry import MODELS, stem_of
from maillage_contracts.schema import schema_for
from maillage_contracts.yaml_text import as_yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGED = ROOT / "src" / "maillage_contracts" / "examples.json"
SUFFIX = ".schema.json"
STRUCTURED = ".cloudevent.json"
FIRST_CHOICE = "typical"


def examples_by_stem() -> dict[str, list[tuple[str, Any]]]:
    """Return each type's bare examples with their names: `typical` first, then by name."""
    found: dict[str, list[tuple[str, Any]]] = {}
    paths = [path for path in (ROOT / "examples").glob("*/*.json") if not path.name.endswith(STRUCTURED)]
    for path in sorted(paths, key=lambda path: (path.parent.name, path.stem != FIRST_CHOICE, path.stem)):
        found.setdefault(path.parent.name, []).append((path.stem, json.loads(path.read_bytes())))
    return found


def rendered() -> dict[str, bytes]:
    """Return the content of every file of `schemas/`, by file name."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    schemas = {stem_of(ce_type) + SUFFIX: _json(schema_for(ce_type)) for ce_type in sorted(MODELS)}
    return {**schemas, "asyncapi.yaml": as_yaml(asyncapi(version, examples_by_stem())).encode()}


def packaged() -> bytes:
    """Return the content of the package's own file of examples."""
    return _json({stem: examples[0][1] for stem, examples in sorted(examples_by_stem().items())})


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def stale(folder: Path) -> list[str]:
    """Return the names of files that are missing, different, or of no model."""
    wanted = rendered()
    present = {path.name: path.read_bytes() for path in folder.glob("*.*") if path.is_file()}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def write(folder: Path) -> list[str]:
    """Make the folder current and return the names of the files that changed."""
    wanted = rendered()
    changed = stale(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in wanted:
            (folder / name).write_bytes(wanted[name])
        else:
            (folder / name).unlink()
    return changed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Export the schemas of the contracts.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a file is stale")
    parser.add_argument("--folder", type=Path, default=ROOT / "schemas")
    chosen = parser.parse_args(arguments)
    # First: the AsyncAPI document takes its texts from the catalogue, which wants an example of every type.
    fresh = PACKAGED.exists() and PACKAGED.read_bytes() == packaged()
    if not chosen.check:
        if not fresh:
            PACKAGED.write_bytes(packaged())
            print(f"changed: {PACKAGED.name}")
        for name in write(chosen.folder):
            print(f"changed: {name}")
        return 0
    names = ([] if fresh else [PACKAGED.name]) + stale(chosen.folder)
    for name in names:
        print(f"stale: {name}")
    if names:
        print("Run contracts/tools/export.py and commit what it changes.")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
