"""A data folder: make it usable, stop what runs in it, erase it. Nothing outside it is ever touched."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from signal import SIGTERM

from maillage.errors import Refusal
from maillage.lock import exclusive
from maillage.processes import end_leftovers
from maillage.settings import LocalSettings
from maillage.status_file import StatusFile

STOP_SECONDS = 12.0
"""The supervisor promises 10."""

DISK_FREE_BYTES_MIN = 300 * 1024 * 1024
"""Below this PostgreSQL's write-ahead log or Kafka's segments would fail soon after the start."""
LAYOUT = "1"
"""Version of the data folder's layout, in its file `layout`."""


def prepare_folder(folder: Path) -> None:
    """Make the data folder usable, or refuse: permissions, disk, a layout of another version."""
    try:
        for name in ("run", "logs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        layout = folder / "layout"
        if not layout.exists():
            layout.write_text(LAYOUT + "\n", encoding="ascii")
        found = layout.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "contenu illisible"
        raise Refusal(
            f"Le dossier de données {folder} ne peut pas être utilisé ({reason}) · the data folder cannot be used",
            "donnez-vous le droit d'y écrire, ou choisissez-en un autre avec MAILLAGE_DATA_DIR",
        ) from None
    if found != LAYOUT:
        raise Refusal(
            f"{folder} contient des données d'une autre version (format {found}, attendu {LAYOUT})"
            " · the folder holds data of another version",
            "lancez la version qui les a écrites, ou choisissez un autre dossier avec MAILLAGE_DATA_DIR",
        )
    if free < DISK_FREE_BYTES_MIN:
        raise Refusal(
            f"Il ne reste que {free // 2**20} Mo sur le disque de {folder} · the disk is full",
            f"libérez {DISK_FREE_BYTES_MIN // 2**20} Mo, ou choisissez un autre disque avec MAILLAGE_DATA_DIR",
        )


def down(settings: LocalSettings) -> bool:
    """Stop a running Maillage and wait until it is gone; return whether there was anything to stop."""
    found = StatusFile(settings.run_dir / "status.json").read()
    if found is None:
        return False
    supervisor = found.supervisor
    if not supervisor.alive():
        return end_leftovers(found.processes()) > 0
    os.kill(supervisor.pid, SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while supervisor.alive():
        if time.monotonic() > deadline:
            raise Refusal(
                f"Maillage ne s'est pas arrêté en {STOP_SECONDS:.0f} s · Maillage did not stop in time",
                f"kill -9 {supervisor.pid} l'arrête de force ; les données n'en souffrent pas",
            )
        time.sleep(0.05)
    return True


def reset(settings: LocalSettings) -> bool:
    """Erase the data folder; refuse while Maillage runs in it, or where it is not a data folder of ours."""
    folder = settings.data_dir
    if not folder.exists():
        return False
    if not _is_ours(folder):
        raise Refusal(
            f"{folder} n'est pas un dossier de données de Maillage · this is not a data folder of Maillage",
            "vérifiez MAILLAGE_DATA_DIR",
        )
    with exclusive(settings.run_dir / "lock"):
        found = StatusFile(settings.run_dir / "status.json").read()
        if found is not None:
            end_leftovers(found.processes())
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise Refusal(
                f"{error.filename} ne peut pas être effacé ({error.strerror}) · it cannot be erased",
                "relancez avec le compte qui a créé ces données",
            ) from None
    return True


def _is_ours(folder: Path) -> bool:
    return (folder / "layout").is_file() or (folder / "run").is_dir()
