"""Refuse a change of the contracts that could break a reader of the last release: `make contracts-check`.

Compares schemas/ and the topic table with contracts/released/, by the rules of `maillage_contracts.compat` and
`maillage_contracts.table`: additive is let through; anything else, and anything unknown, fails.

    python contracts/tools/compat.py

Exit code 0 when all is compatible, 1 otherwise; every finding names the file, the field and the rule.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from maillage_contracts.compat import Finding, check, check_first
from maillage_contracts.table import breaks, table

ROOT = Path(__file__).resolve().parent.parent
SUFFIX = ".schema.json"
TOPICS = "topics.json"


def check_folders(released: Path, current: Path) -> list[str]:
    """Compare every released schema with the current one of the same name; return one sentence a finding."""
    sentences = []
    documents = {path.name: _read(path) for path in sorted(current.glob(f"*{SUFFIX}"))}
    before = {path.name: _read(path) for path in sorted(released.glob(f"*{SUFFIX}"))}
    for name in sorted(documents.keys() | before.keys()):
        if name not in documents:
            sentences.append(f"{name}: {Finding('breaking', '', 'schema-removed')}")
            continue
        findings = check(before[name], documents[name]) if name in before else check_first(documents[name])
        sentences.extend(f"{name}: {finding}" for finding in findings)
    return sentences


def check_topics(released: Path) -> list[str]:
    """Compare the released topic table with that of the models; a release without one is refused."""
    return [f"{TOPICS}: {finding}" for finding in breaks(_read(released / TOPICS), table())]


def _read(path: Path) -> object:
    try:
        document: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Refuse changes of the contracts that could break a reader.")
    parser.add_argument("--released", type=Path, default=ROOT / "released")
    parser.add_argument("--current", type=Path, default=ROOT / "schemas")
    chosen = parser.parse_args(arguments)
    sentences = check_folders(chosen.released / "schemas", chosen.current)
    if chosen.released.is_dir():
        sentences += check_topics(chosen.released)
    for sentence in sentences:
        print(sentence)
    if not chosen.released.is_dir():
        print("Nothing released yet: checked only that the schemas are ones this gate can compare.")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
