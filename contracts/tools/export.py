"""Write the JSON Schema of every event under `schemas/`, or check that what is there is current.

The same models give the same bytes. `released/`, the schemas of the last released version, is never written here.

    python contracts/tools/export.py            writes, and deletes schemas that no model has any more
    python contracts/tools/export.py --check    changes nothing; exit code 1 where a file is stale
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from maillage_contracts.registry import MODELS, stem_of
from maillage_contracts.schema import schema_for

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
SUFFIX = ".schema.json"


def rendered() -> dict[str, bytes]:
    """Return the content of every schema file, by file name."""
    return {
        stem_of(ce_type) + SUFFIX: (json.dumps(schema_for(ce_type), indent=2, ensure_ascii=False) + "\n").encode()
        for ce_type in sorted(MODELS)
    }


def stale(folder: Path) -> list[str]:
    """Return the names of files that are missing, different, or of no model."""
    wanted = rendered()
    present = {path.name: path.read_bytes() for path in folder.glob(f"*{SUFFIX}")}
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
    parser = argparse.ArgumentParser(description="Export the JSON Schemas of the contracts.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a schema is stale")
    parser.add_argument("--folder", type=Path, default=SCHEMAS)
    chosen = parser.parse_args(arguments)
    if not chosen.check:
        for name in write(chosen.folder):
            print(f"changed: {name}")
        return 0
    names = stale(chosen.folder)
    for name in names:
        print(f"stale: {name}")
    if names:
        print("Run contracts/tools/export.py and commit what it changes.")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
