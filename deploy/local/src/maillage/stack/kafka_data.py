"""What may be wrong with Kafka's data or its start, told in a sentence."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from maillage.stack.errors import StackError

FREE_BYTES_MIN = 300 * 1024 * 1024
"""An empty broker takes 20 MB; the first day of a demonstration far less than the rest."""
LOG_TAIL_BYTES = 16384

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


def refuse_full_disk(directory: Path) -> None:
    """Raise StackError when there is no room for a broker."""
    free = shutil.disk_usage(directory).free
    if free < FREE_BYTES_MIN:
        raise disk_full(directory, f"{free // 2**20} Mo")


def disk_full(directory: Path, free: str = "0 Mo") -> StackError:
    """Say that the disk is full."""
    return StackError(
        f"Le disque de {directory} est plein ({free} libres) · the disk of {directory} is full",
        f"libérez au moins {FREE_BYTES_MIN // 2**20} Mo, ou choisissez un autre disque avec MAILLAGE_DATA_DIR"
        f" · free at least {FREE_BYTES_MIN // 2**20} MB, or choose another disk with MAILLAGE_DATA_DIR",
    )


def from_os_error(error: OSError, directory: Path) -> StackError:
    """Say what an operating system error on the broker's files means."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(directory)
    path = error.filename or directory
    return StackError(
        f"{path} ne peut pas être lu ou écrit ({error.strerror}) · {path} cannot be read or written",
        "relancez avec le compte qui a créé ces données, ou choisissez un autre dossier avec MAILLAGE_DATA_DIR"
        " · run as the account that made these data, or choose another folder with MAILLAGE_DATA_DIR",
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
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - LOG_TAIL_BYTES))
            tail = log.read().decode("utf-8", "replace")
    except OSError:
        return None
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
