"""What may be wrong with a PostgreSQL data directory, told before or after the server tried it."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from maillage.stack.disk import disk_full, end_of, from_os_error
from maillage.stack.errors import StackError
from maillage.stack.postgres_software import MAJOR

ORPHAN_SECONDS = 10.0
"""How long processes of a killed server get to notice that it is gone; they notice within a second."""


def check(cluster: Path) -> None:
    """Raise StackError unless `cluster` is absent or holds data of the version we run."""
    if not cluster.exists():
        return
    try:
        version = (cluster / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        raise StackError(
            f"{cluster} ne contient pas une base PostgreSQL entière"
            f" · {cluster} does not hold a complete PostgreSQL cluster",
            "restaurez une sauvegarde, choisissez un autre dossier avec MAILLAGE_DATA_DIR, ou effacez tout avec"
            " maillage reset · restore a backup, choose another folder with MAILLAGE_DATA_DIR, or run maillage reset",
        ) from None
    if version != MAJOR:
        shown = version if version.isdigit() else "?"
        raise StackError(
            f"Les données de {cluster} viennent de PostgreSQL {shown}, et celui-ci est PostgreSQL {MAJOR}"
            f" · these data were written by PostgreSQL {shown}, and this is PostgreSQL {MAJOR}",
            "exportez-les avec la version qui les a écrites, ou choisissez un autre dossier avec MAILLAGE_DATA_DIR"
            " · export them with the version that wrote them, or choose another folder with MAILLAGE_DATA_DIR",
        )


def clear_stale_lock(cluster: Path) -> None:
    """Remove the lock file of a killed server once none of its processes is left; raise StackError when one stays.

    PostgreSQL mistakes any process of ours that took over the old pid for a running server, and refuses to start.
    """
    lock = cluster / "postmaster.pid"
    if not lock.exists():
        return
    deadline = time.monotonic() + ORPHAN_SECONDS
    while pids := _processes_in(cluster):
        if time.monotonic() > deadline:
            raise StackError(
                f"Un autre PostgreSQL (processus {pids[0]}) utilise déjà {cluster}"
                f" · another PostgreSQL (process {pids[0]}) already uses {cluster}",
                f"arrêtez-le · stop it: maillage down, ou · or kill -INT {pids[0]}",
            )
        time.sleep(0.1)
    lock.unlink(missing_ok=True)


def _processes_in(cluster: Path) -> list[int]:
    # Every process of a server, its orphans too, has the data directory as its working directory.
    found = []
    wanted = cluster.resolve()
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if Path(os.readlink(entry)) == wanted:
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return sorted(found)


def initdb_failed(output: str, directory: Path) -> StackError:
    """Say why initdb failed; its last line holds no secret."""
    if "No space left on device" in output:
        return disk_full(directory)
    if "could not look up effective user ID" in output:
        return StackError(
            f"Le compte {os.geteuid()} n'a pas de nom dans /etc/passwd, et PostgreSQL en veut un"
            f" · the account {os.geteuid()} has no name in /etc/passwd, and PostgreSQL wants one",
            "lancez Maillage sous un compte qui en a un · run Maillage as an account that has one",
        )
    lines = [line for line in output.splitlines() if line.startswith("initdb: ") and "warning" not in line]
    lines += [line for line in output.splitlines() if "FATAL" in line]
    reason = lines[0].strip()[:300] if lines else "initdb"
    return StackError(
        f"PostgreSQL n'a pas pu créer ses données ({reason}) · PostgreSQL could not create its data",
        "vérifiez le disque, ou choisissez un autre dossier avec MAILLAGE_DATA_DIR"
        " · check the disk, or choose another folder with MAILLAGE_DATA_DIR",
    )


def explain(log_file: Path, directory: Path, port: int) -> StackError | None:
    """Say why the server ended, from the end of its log."""
    tail = end_of(log_file)
    if "No space left on device" in tail:
        return disk_full(directory)
    if "Address already in use" in tail:
        return StackError(
            f"Le port {port}, prévu pour PostgreSQL, est déjà pris · port {port}, meant for PostgreSQL, is taken",
            f"choisissez-en un autre · choose another: MAILLAGE_POSTGRES_PORT={port + 1}",
        )
    if "invalid permissions" in tail or "Permission denied" in tail or "wrong ownership" in tail:
        return from_os_error(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), directory)
    if "could not locate a valid checkpoint record" in tail or "invalid checkpoint record" in tail:
        return StackError(
            f"Les données de PostgreSQL dans {directory} sont abîmées · PostgreSQL's data in {directory} are damaged",
            "restaurez une sauvegarde, ou effacez tout avec maillage reset"
            " · restore a backup, or erase everything with maillage reset",
        )
    return None
