"""What may be wrong with Kafka's data or its start, told in a sentence."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from pathlib import Path

from maillage.stack.disk import disk_full, end_of, from_os_error
from maillage.stack.errors import StackError

OTHER_FOLDER = (
    "choisissez un autre dossier avec MAILLAGE_DATA_DIR, ou effacez tout avec maillage reset"
    " · choose another folder with MAILLAGE_DATA_DIR, or erase everything with maillage reset"
)


def check(data: Path) -> None:
    """Raise StackError unless `data` is absent or a formatted log directory that we can read."""
    if not data.exists():
        return
    try:
        text = (data / "meta.properties").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    if "cluster.id=" not in text or not re.search(r"^version=1$", text, re.MULTILINE):
        raise StackError(
            f"{data} ne contient pas des données de Kafka utilisables"
            f" · {data} does not hold data that this Kafka can use",
            OTHER_FOLDER,
        )


def format_failed(directory: Path, output: bytes) -> StackError:
    """Say that formatting failed; only known words of its output are repeated, since it may hold keys."""
    text = output.decode("utf-8", "replace")
    if "No space left on device" in text:
        return disk_full(directory)
    found = re.search(r"\b([A-Za-z]+(?:Exception|Error))\b", text)
    return StackError(
        f"Kafka n'a pas pu préparer son stockage ({found[1] if found else 'StorageTool'})"
        " · Kafka could not format its storage",
        OTHER_FOLDER,
    )


def explain(log_file: Path, directory: Path, port_settings: Mapping[int, str]) -> StackError | None:
    """Say why the broker ended, from the end of its log."""
    tail = end_of(log_file)
    if "No space left on device" in tail:
        return disk_full(directory)
    if "Address already in use" in tail:
        return _port_taken(tail, port_settings)
    if "OutOfMemoryError" in tail or "Could not reserve enough space" in tail:
        return StackError(
            "Kafka a manqué de mémoire · Kafka ran out of memory",
            "libérez de la mémoire (il lui en faut environ 500 Mo) · free some memory (it needs about 500 MB)",
        )
    if "Failed to acquire lock" in tail:
        return StackError(
            f"Un autre Kafka utilise déjà {directory} · another Kafka already uses {directory}",
            "arrêtez-le · stop it: maillage down",
        )
    if "AccessDeniedException" in tail or "Permission denied" in tail:
        return from_os_error(PermissionError(errno.EACCES, "Permission denied"), directory)
    return None


def _port_taken(tail: str, port_settings: Mapping[int, str]) -> StackError:
    named = re.search(r"failed to bind to \S*?:(\d+)", tail)
    port = int(named[1]) if named else next(iter(port_settings))
    setting = port_settings.get(port, "MAILLAGE_KAFKA_PORT")
    return StackError(
        f"Le port {port}, prévu pour Kafka, est déjà pris · port {port}, meant for Kafka, is taken",
        f"choisissez-en un autre · choose another: {setting}={port + 100}",
    )
