"""One supervisor per data folder, held by the kernel: the lock ends with its holder, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maillage.errors import Refusal


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock of a data folder, or refuse naming who holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not inherited by children (O_CLOEXEC is Python's default): a child must not keep the folder locked.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise Refusal(
                f"Maillage tourne déjà dans {path.parent.parent} (processus {holder or 'inconnu'})"
                " · Maillage is already running there",
                "`maillage status` le montre, `maillage down` l'arrête, MAILLAGE_DATA_DIR en choisit un autre",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
