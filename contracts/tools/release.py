"""Mark what is in the tree as released, or check that nothing released was changed since.

Releasing copies the schemas to `schemas/released/`, which `compat.py` compares with from then on, and notes
the digest of every example in `examples/released.sha256`: later examples are added, those are never edited.

    python contracts/tools/release.py            run once, in the commit that sets the new version
    python contracts/tools/release.py --check    exit code 1 where a released example changed or is gone
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIGESTS = "released.sha256"


def digests(examples: Path) -> dict[str, str]:
    """Return the digest of every example in the tree, by its path under `examples/`."""
    return {
        path.relative_to(examples).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(examples.glob("*/*.json"))
    }


def changed_examples(examples: Path) -> list[str]:
    """Return the released examples that are no longer what was released."""
    noted = examples / DIGESTS
    if not noted.exists():
        return []
    present = digests(examples)
    released = [line.split("  ", 1) for line in noted.read_text("utf-8").splitlines()]
    return [name for digest, name in released if present.get(name) != digest]


def release(root: Path) -> None:
    """Freeze the schemas and the examples as they stand; refuse while a released example differs."""
    examples, schemas = root / "examples", root / "schemas"
    if changed := changed_examples(examples):
        raise SystemExit(f"released examples changed: {', '.join(changed)}")
    (schemas / "released").mkdir(exist_ok=True)
    for path in schemas.glob("*.schema.json"):
        (schemas / "released" / path.name).write_bytes(path.read_bytes())
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests(examples).items())
    (examples / DIGESTS).write_text(lines, "utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Freeze what is released, or check that it stayed as it was.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a released example changed")
    parser.add_argument("--root", type=Path, default=ROOT)
    chosen = parser.parse_args(arguments)
    if not chosen.check:
        release(chosen.root)
        return 0
    names = changed_examples(chosen.root / "examples")
    for name in names:
        print(f"{name}: a released example is never changed")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
