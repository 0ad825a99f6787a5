"""Mark what is in the tree as released, or check that nothing released was changed since.

Releasing copies the schemas to `released/schemas/` and writes the topic table to `released/topics.json`, which
`compat.py` compares with from then on, and notes the digest of every example in `released/examples.sha256`:
later examples are added, those are never edited.

    python contracts/tools/release.py            run once, in the commit that sets the new version
    python contracts/tools/release.py --check    exit code 1 where a released example changed or is gone
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

from maillage_contracts.table import table

ROOT = Path(__file__).resolve().parent.parent
DIGESTS = "examples.sha256"


def digests(examples: Path) -> dict[str, str]:
    """Return the digest of every example in the tree, by its path under `examples/`."""
    return {
        path.relative_to(examples).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(examples.glob("*/*.json"))
    }


def changed_examples(root: Path) -> list[str]:
    """Return the released examples that are no longer what was released."""
    noted = root / "released" / DIGESTS
    if not noted.exists():
        return []
    present = digests(root / "examples")
    released = [line.split("  ", 1) for line in noted.read_text("utf-8").splitlines()]
    return [name for digest, name in released if present.get(name) != digest]


def release(root: Path) -> None:
    """Freeze schemas, topics and examples as they stand; refuse while a released example differs."""
    if changed := changed_examples(root):
        raise SystemExit(f"released examples changed: {', '.join(changed)}")
    released = root / "released"
    # Whole: a schema that no longer exists was refused by the gate, or belongs to a major that was let go.
    shutil.rmtree(released / "schemas", ignore_errors=True)
    (released / "schemas").mkdir(parents=True)
    for path in (root / "schemas").glob("*.schema.json"):
        (released / "schemas" / path.name).write_bytes(path.read_bytes())
    (released / "topics.json").write_text(json.dumps(table(), indent=2) + "\n", "utf-8")
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests(root / "examples").items())
    (released / DIGESTS).write_text(lines, "utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Freeze what is released, or check that it stayed as it was.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a released example changed")
    parser.add_argument("--root", type=Path, default=ROOT)
    chosen = parser.parse_args(arguments)
    if not chosen.check:
        release(chosen.root)
        return 0
    names = changed_examples(chosen.root)
    for name in names:
        print(f"{name}: a released example is never changed")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
