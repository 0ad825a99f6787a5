"""Secrets that are shown once, kept where only their owner can read; never printed.

One file for each client, webhook and access to Kafka: `<folder>/<organisation>/<what>-<name>.json`. What is about to be
asked for is noted before it is asked for: after an interruption, what was shown to nobody is known to be so.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

from maillage.errors import Refusal
from maillage.secrets import write_private


class Keeper(Protocol):
    """Where secrets are kept, by organisation, what they open, and name."""

    def get(self, code: str, what: str, name: str) -> dict[str, Any] | None:
        """Return what is kept, or None."""
        ...

    def put(self, code: str, what: str, name: str, document: dict[str, Any]) -> None:
        """Keep it before anything else is done."""
        ...


class Folder:
    """Keeps secrets in a folder of its owner's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, code: str, what: str, name: str) -> Path:
        """Return the file of one secret."""
        return self.folder / code / f"{what}-{name}.json" if name else self.folder / code / f"{what}.json"

    def get(self, code: str, what: str, name: str) -> dict[str, Any] | None:
        path = self.path(code, what, name)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise Refusal(
                f"{path} ne peut pas être lu · this file of a secret cannot be read",
                "rétablissez-le, ou retirez-le pour qu'un nouveau secret soit fait · restore it, or remove it",
            ) from None
        return document if isinstance(document, dict) else None

    def put(self, code: str, what: str, name: str, document: dict[str, Any]) -> None:
        path = self.path(code, what, name)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise Refusal(
                f"{path} ne peut pas être écrit ({error.strerror}) · a secret cannot be kept, so none was asked for",
                "choisissez un autre dossier avec --secrets · choose another folder with --secrets",
            ) from None


def name_of_url(url: str) -> str:
    """Return the name of a webhook's file: addresses are no file names, and may hold a token."""
    return hashlib.sha256(url.encode()).hexdigest()[:12]
