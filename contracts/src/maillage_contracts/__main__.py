"""Look at the contracts from a shell: list types, print a schema, check that files decode, try a proposed schema.

`decode` reads bare events, whose type comes from `--type` or from the name of their folder, and structured
CloudEvents, which say their own. It repeats nothing of what a file holds.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from maillage_contracts.codec import decode, decode_value
from maillage_contracts.envelope import CONTENT_TYPE_STRUCTURED
from maillage_contracts.errors import ContractError
from maillage_contracts.registry import MODELS, topic_for
from maillage_contracts.schema import schema_for
from maillage_contracts.topics import PREFIX

STRUCTURED_SUFFIX = ".cloudevent.json"
"""A file so named holds a whole CloudEvent; any other `.json` holds a bare event."""


def check_file(path: Path, ce_type: str | None) -> str:
    """Decode one file and return the name of the model that read it."""
    value = path.read_bytes()
    if path.name.endswith(STRUCTURED_SUFFIX):
        event = decode({"content-type": CONTENT_TYPE_STRUCTURED}, value).event
    else:
        event = decode_value(ce_type or PREFIX + path.resolve().parent.name, value)
    return type(event).__name__


def _decode(paths: list[Path], ce_type: str | None) -> int:
    failures = 0
    for path in paths:
        try:
            outcome = check_file(path, ce_type)
        except (ContractError, OSError) as error:
            failures += 1
            outcome = str(error)
        sys.stdout.write(f"{path}: {outcome}\n")
    return 1 if failures else 0


def _types() -> int:
    for ce_type, model in MODELS.items():
        sys.stdout.write(f"{ce_type}\t{topic_for(model).name}\t{model.__name__}\n")
    return 0


def _schema(ce_type: str) -> int:
    try:
        document = schema_for(ce_type)
    except ContractError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0


def _shadow(schema: Path, events: Path) -> int:
    try:
        from maillage_contracts.shadow import shadow

        with events.open("rb") as lines:
            report = shadow(json.loads(schema.read_bytes()), lines)
    except (ContractError, ImportError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{report.events} events, {report.refused} would be refused\n")
    for place, count in report.places.most_common():
        sys.stdout.write(f"{place}: {count} events\n")
    for finding in report.findings:
        sys.stdout.write(f"{finding}\n")
    return 0 if report.harmless else 1


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 when all is well, 1 when something does not decode."""
    parser = argparse.ArgumentParser(prog="python -m maillage_contracts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("types", help="list every event type, its topic and its model")
    schema = commands.add_parser("schema", help="print the JSON Schema of a type")
    schema.add_argument("type", help=f"for example {PREFIX}referrals.referral.submitted.v1")
    reading = commands.add_parser("decode", help="decode files and say which model read each")
    reading.add_argument("--type", help="type of the bare events; by default, the name of their folder")
    reading.add_argument("files", nargs="+", type=Path)
    trying = commands.add_parser("shadow", help="try a proposed schema on the events of an export (JSON Lines)")
    trying.add_argument("schema", type=Path)
    trying.add_argument("events", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.command == "shadow":
        return _shadow(chosen.schema, chosen.events)
    if chosen.command == "types":
        return _types()
    if chosen.command == "schema":
        return _schema(chosen.type)
    return _decode(chosen.files, chosen.type)


if __name__ == "__main__":
    sys.exit(main())
