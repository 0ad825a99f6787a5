"""Write from the code: docs/settings.md, the names of settings that the chassis carries, docs/status.schema.json.

make settings                                             # write
.venv/bin/python deploy/local/tools/settings_page.py --check
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from chassis.known_settings import PREFIX
from chassis.replay import ReplaySettings
from chassis.settings import DeclaredSettings, ServiceSettings
from maillage.desk.settings import DeskVariables
from maillage.secrets import SERVICE_NAMES
from maillage.settings import LocalSettings
from maillage.stack.jar_settings import JarSettings
from maillage.status_document import StatusDocument

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "settings.md"
SCHEMA = ROOT / "docs" / "status.schema.json"
NAMES = ROOT / "services" / "chassis" / "src" / "chassis" / "known_settings.txt"
SAMPLES = ROOT / "contracts" / "samples"

EVERY_SERVICE, OTHER_SERVICES = "every service", "the other services"
COMMAND, DESK, REPLAY, SAMPLE = "`maillage`", "desk", "`chassis.replay`", "a partner's samples"

OF_SAMPLES = {
    "URL": ("Base URL of `partners`.", "URL", False),
    "CLIENT_ID": ("The organisation's API client.", "text", False),
    "CLIENT_SECRET": ("That client's secret.", "text", True),
    "STATE": ("Folder in which a sample keeps where it is.", "folder", False),
    "WEBHOOK_SECRETS": ("Secrets that sign the deliveries, separated by blanks.", "text", True),
}
"""What the sample programs for partners read: no part of Maillage does, nor do they have its code."""

UNITS = (
    (re.compile("_port$"), "TCP port"),
    (re.compile("_days$"), "days"),
    (re.compile("_(hours|seconds|minutes|bytes)$"), r"\1"),
    (re.compile("_url$"), "URL"),
    (re.compile("_dsn$"), "PostgreSQL DSN"),
    (re.compile("_file$"), "file"),
    (re.compile("_(dir|folder|home)$"), "folder"),
    (re.compile("_bootstrap$"), "host:port, …"),
)

HEAD = """\
# Réglages · settings

Chaque partie de Maillage ne se règle que par des variables d'environnement. Ce tableau les dit toutes ; un programme le
tire du code, et un test refuse qu'il mente. Une variable `MAILLAGE_…` qu'aucune partie ne connaît (faute de frappe) ou
deux réglages qui se contredisent empêchent le démarrage : la partie les nomme en une phrase. Une variable vide compte
comme absente. Les secrets sont lus dans des fichiers que des variables nomment.

Every part of Maillage is set by environment variables alone. This table has all of them; a program takes it from the
code (`make settings`), and a test refuses that it lies. A variable `MAILLAGE_…` known to no part (a misspelling), or
two settings that contradict each other, stop the start: the part names them in one sentence. An empty variable counts
as absent. Secrets are read from files that variables name; *file* in the last column marks those, *value* marks a
variable that is itself a secret (the address of a database with its password).

| variable | sens · meaning | défaut · default | unité, valeurs · unit | lue par · read by | exigée | secret |
|---|---|---|---|---|---|---|
"""

TAIL = """
`MAILLAGE_TEST_…` : lues par les tests seulement · read by tests only.

## Variables communes à d'autres logiciels · variables shared with other software

| variable | ce qu'elle fait ici · what it does here |
|---|---|
| `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | where services send their spans; none are made \
without, but `maillage up` names its desk |
| `OTEL_BSP_SCHEDULE_DELAY` | milliseconds between two batches of spans; `maillage up` sets 1000 |
| `XDG_CACHE_HOME` | where the jars of Kafka and Zipkin are kept once fetched; `~/.cache` when not set |
"""


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One variable as one or several parts read it."""

    name: str
    meaning: str
    default: str
    unit: str
    required: bool
    secret: str
    parts: tuple[str, ...] = ()

    def line(self) -> str:
        """Return the row of the table."""
        required = "oui · yes" if self.required else "–"
        cells = (f"`{self.name}`", self.meaning, self.default, self.unit, ", ".join(self.parts), required, self.secret)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def declared() -> Iterator[tuple[str, str, FieldInfo]]:
    """Yield every part's label, its field's name and the field."""
    services = {name: settings_of(name) for name in SERVICE_NAMES}
    for name, field in ServiceSettings.model_fields.items():
        own = [
            service for service, kind in services.items() if told(name, kind.model_fields[name]) != told(name, field)
        ]
        yield (OTHER_SERVICES if own else EVERY_SERVICE), name, field
        yield from ((service, name, services[service].model_fields[name]) for service in own)
    parts: dict[str, list[type[DeclaredSettings]]] = {service: [kind] for service, kind in services.items()}
    parts |= {COMMAND: [LocalSettings, JarSettings], DESK: [DeskVariables], REPLAY: [ReplaySettings]}
    for part, kinds in parts.items():
        for kind in kinds:
            for name, field in kind.model_fields.items():
                if not (issubclass(kind, ServiceSettings) and name in ServiceSettings.model_fields):
                    yield part, name, field


def settings_of(service: str) -> type[ServiceSettings]:
    """Return the class of a service's own settings."""
    module = importlib.import_module(f"{service}.settings")
    (kind,) = (
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, ServiceSettings) and found.__module__ == module.__name__
    )
    return kind


def told(name: str, field: FieldInfo) -> Row:
    """Return what the table says of one field, whoever reads it."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    secret = str(extra.get("secret", "value" if SecretStr in kinds_of(field) else "–"))
    default = "–"
    if field.default_factory is not None:
        default = "…"
    elif not field.is_required() and field.default not in (None, ""):
        shown = str(field.default).lower() if isinstance(field.default, bool) else f"{field.default}"
        default = f"`{shown}`"
    meaning = " ".join((field.description or "").split())
    return Row(PREFIX + name.upper(), meaning, default, unit_of(name, field, extra), field.is_required(), secret)


def kinds_of(field: FieldInfo) -> tuple[Any, ...]:
    """Return the types that a field's value may have."""
    return get_args(field.annotation) if get_args(field.annotation) else (field.annotation,)


def unit_of(name: str, field: FieldInfo, extra: dict[str, Any]) -> str:
    """Return a field's unit with its bounds, or the values that it may have."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation) if choice)
    if field.annotation is bool:
        return "`true`, `false`"
    derived = (pattern.sub(word, found[0]) for pattern, word in UNITS if (found := pattern.search(name)))
    unit = str(extra.get("unit") or next(derived, "text"))
    low = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    high = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
    if any(isinstance(bound, MinLen) for bound in field.metadata):
        return f"{unit}, not empty"
    return unit if low is None or high is None else f"{low}–{high} {unit}"


def rows() -> list[Row]:
    """Return the table: one row for each way in which a variable is read."""
    found: dict[Row, list[str]] = {}
    for part, name, field in declared():
        found.setdefault(told(name, field), []).append(part)
    for name, (meaning, unit, secret) in OF_SAMPLES.items():
        row = Row(PREFIX + name, meaning, "–", unit, name != "STATE", "value" if secret else "–")
        found.setdefault(row, []).append(SAMPLE)
    return [
        Row(row.name, row.meaning, row.default, row.unit, row.required, row.secret, tuple(parts))
        for row, parts in sorted(found.items())
    ]


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(f"{row.line()}\n" for row in rows()) + TAIL


def names() -> str:
    """Return the file of names that travels with the chassis."""
    lines = "".join(f"{name}\n" for name in sorted({row.name for row in rows()}))
    return f"# Every setting of every part; written by `make settings`, never by hand.\n{lines}"


def schema() -> str:
    """Return the JSON Schema of what `maillage status --json` prints."""
    found = StatusDocument.model_json_schema(mode="serialization")
    # Readers must accept what is added: only whoever makes the document is held to the keys above.
    text = json.dumps(found, indent=2, ensure_ascii=False)
    return re.sub(r'\n *"additionalProperties": false,', "", text) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files, or with --check tell whether they are what the code says."""
    written = {PAGE: page(), NAMES: names(), SCHEMA: schema()}
    wrong = [path for path, text in written.items() if not path.exists() or path.read_text("utf-8") != text]
    if arguments != ["--check"]:
        for path, text in written.items():
            path.write_text(text, encoding="utf-8")
        return 0
    for path in wrong:
        print(f"{path.relative_to(ROOT)} is not what the code says: make settings")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
