"""Show the end of a part's log, and follow it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from maillage.errors import Refusal
from maillage.settings import LocalSettings

POLL_SECONDS = 0.2
BLOCK_BYTES = 65_536


def log_file(settings: LocalSettings, part: str) -> Path:
    """Return the log of a part, or refuse naming those that exist."""
    if settings.elsewhere:
        raise Refusal(
            f"Le journal de {part[:40]} est là où il tourne · its log is where it runs",
            f"docker compose logs {part[:40]}, ou ce que le site en garde · or what the site keeps",
        )
    path = settings.logs_dir / f"{part}.log"
    known = sorted(file.stem for file in settings.logs_dir.glob("*.log")) if settings.logs_dir.is_dir() else []
    if part not in known:
        raise Refusal(
            f"Il n'y a pas de journal « {part} » dans {settings.logs_dir} · there is no such log",
            f"choisissez parmi : {', '.join(known)}" if known else "rien n'a encore été lancé : maillage up",
        )
    return path


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines without reading the whole file."""
    with path.open("rb") as stream:
        position = stream.seek(0, 2)
        data = b""
        while position > 0 and data.count(b"\n") <= lines:
            step = min(BLOCK_BYTES, position)
            position = stream.seek(position - step)
            data = stream.read(step) + data
    return data.decode("utf-8", "replace").splitlines()[-lines:] if lines > 0 else []


def follow(path: Path) -> Iterator[str]:
    """Yield what is appended from now on; a log that was put aside is followed in its new file."""
    stream = path.open(encoding="utf-8", errors="replace")
    stream.seek(0, 2)
    try:
        while True:
            text = stream.read()
            if text:
                yield text
                continue
            time.sleep(POLL_SECONDS)
            if path.exists() and path.stat().st_size < stream.tell():
                stream.close()
                stream = path.open(encoding="utf-8", errors="replace")
    finally:
        stream.close()
