"""Under which account PostgreSQL runs: it refuses to be root.

A user keeps their own account. Root lends `nobody`, without any group, when `nobody` can reach the files; else a user
namespace in which root's files seem to be nobody's, where the kernel allows it. Anything else is a StackError that
names the setting which moves the data. Every choice is tried, never guessed from permission bits.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maillage.stack.errors import StackError

NOBODY = 65534
"""The overflow uid of Linux: exists without an entry in /etc/passwd."""

PROBE_SECONDS = 20
"""A probe runs `postgres --version`; only a machine out of memory takes longer."""


@dataclass(frozen=True, slots=True)
class Account:
    """How to run a program: a prefix to its arguments, and an account to take; owner of the files it writes."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    @property
    def owner(self) -> int:
        """The uid that its files have, seen from outside."""
        return os.geteuid() if self.uid is None else self.uid

    def run(self, argv: Sequence[str], *, env: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a short program to its end and return its output, errors included."""
        return subprocess.run(
            [*self.prefix, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=env,
            cwd="/",
            timeout=seconds,
            check=False,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def can(self, *argv: str) -> bool:
        """Tell whether a short program succeeds under this account."""
        try:
            return self.run(argv, env={"LC_ALL": "C", "PATH": os.defpath}, seconds=PROBE_SECONDS).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def take(self, path: Path) -> None:
        """Make `path` and all below it this account's, when we may and it is not."""
        if os.geteuid() != 0 or path.lstat().st_uid == self.owner:
            return
        gid = 0 if self.gid is None else self.gid
        for folder, _, files in os.walk(path):
            os.chown(folder, self.owner, gid)
            for name in files:
                os.chown(os.path.join(folder, name), self.owner, gid, follow_symlinks=False)


OURSELVES = Account()
NOBODY_ACCOUNT = Account(uid=NOBODY, gid=NOBODY)
NAMESPACE = Account(prefix=("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"))


def candidates() -> tuple[Account, ...]:
    """Return the accounts to try, best first."""
    if os.geteuid() != 0:
        # initdb insists on a name for its uid; containers run uids that have none, and nobody has one.
        return (OURSELVES,) if _has_name(os.geteuid()) else (NAMESPACE, OURSELVES)
    return (NOBODY_ACCOUNT, NAMESPACE) if shutil.which("unshare") else (NOBODY_ACCOUNT,)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def choose(directory: Path, program: Path, copy: Path) -> tuple[Account, bool]:
    """Return the account that can write in `directory` and run the program; True when only its copy will do.

    `copy` is where the program would be copied to, below `directory`; it need not exist.
    """
    for account in candidates():
        if not _can_write(account, directory):
            continue
        if account.can(str(program), "--version"):
            return account, False
        if account.uid is not None and copy.is_relative_to(directory):
            return account, True
    if os.geteuid() != 0:
        raise StackError(
            f"Ce compte ne peut pas écrire dans {directory} ou ne peut pas lancer PostgreSQL"
            f" · this account cannot write in {directory}, or cannot run PostgreSQL",
            "rendez ce dossier accessible ou choisissez-en un autre avec MAILLAGE_DATA_DIR"
            " · open that folder or choose another with MAILLAGE_DATA_DIR",
        )
    raise StackError(
        f"PostgreSQL refuse d'être root, et le compte nobody ne peut pas entrer dans {directory}"
        f" · PostgreSQL refuses to be root, and the account nobody cannot enter {directory}",
        "choisissez un dossier que tous peuvent traverser, par exemple MAILLAGE_DATA_DIR=/var/lib/maillage, ou lancez"
        " Maillage sous un compte ordinaire · choose a folder that everybody may traverse, for example"
        " MAILLAGE_DATA_DIR=/var/lib/maillage, or run Maillage as an ordinary user",
    )


def _can_write(account: Account, directory: Path) -> bool:
    probe = directory / ".probe"
    try:
        probe.mkdir(exist_ok=True)
        account.take(probe)
        return account.can("test", "-w", str(probe), "-a", "-x", str(probe))
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.rmdir()
