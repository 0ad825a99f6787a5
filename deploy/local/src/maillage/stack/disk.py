"""What may be wrong with the files of an embedded server, told in a sentence; and the end of its log."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from maillage.stack.errors import StackError

FREE_BYTES_MIN = 300 * 1024 * 1024
"""A new PostgreSQL cluster takes 40 MB and its write-ahead log up to 512 MB, an empty broker 20 MB; below this they
would fail half-way."""
LOG_TAIL_BYTES = 16384


def refuse_full_disk(directory: Path) -> None:
    """Raise StackError when there is no room for a server's data."""
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
    """Say what an operating system error on a server's files means."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(directory)
    path = error.filename or directory
    return StackError(
        f"{path} ne peut pas être lu ou écrit ({error.strerror}) · {path} cannot be read or written",
        "relancez avec le compte qui a créé ces données, ou choisissez un autre dossier avec MAILLAGE_DATA_DIR"
        " · run as the account that made these data, or choose another folder with MAILLAGE_DATA_DIR",
    )


def end_of(log_file: Path) -> str:
    """Return the last of a server's log; nothing where there is none to read."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - LOG_TAIL_BYTES))
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""
