"""The demonstration's territory: what `demo.toml` says, made so by the same means as anybody's territory.

Idempotent: what exists is kept. What is shown only once (API secrets, Kafka passwords) is kept in a private file,
`.maillage/run/demo.json`, written after each answer so that a crash between two loses nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from maillage.api import Client
from maillage.secrets import Secrets, write_private
from maillage.settings import LocalSettings
from maillage.territory.applying import Applying
from maillage.territory.found import Found
from maillage.territory.reading import TerritoryFile, read_file
from maillage.territory.wanted import Organisation

FILE = Path(__file__).with_name("demo.toml")

_KEYS = {"client": "api", "kafka": "kafka"}
"""As what the secrets of an organisation stand in the file; it has one client."""


@dataclass(slots=True)
class Demo:
    """What the file holds: organisations by code, and whether the story was played. Keeps secrets (Keeper)."""

    path: Path
    organisations: dict[str, dict[str, Any]] = field(default_factory=dict)
    story: dict[str, Any] | None = None

    @classmethod
    def load(cls, settings: LocalSettings) -> Demo:
        """Read the file, or start anew where there is none that can be read."""
        path = settings.run_dir / "demo.json"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            organisations = {str(o["code"]): dict(o) for o in document["organisations"]}
            return cls(path, organisations, document.get("story"))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)

    def save(self) -> None:
        """Replace the file; readable by its owner only."""
        write_private(self.path, json.dumps(self.document(), indent=2, ensure_ascii=False) + "\n")

    def document(self) -> dict[str, Any]:
        """Return what `maillage status --json` shows."""
        return {"organisations": list(self.organisations.values()), "story": self.story}

    def get(self, code: str, what: str, name: str) -> dict[str, Any] | None:
        """Return a secret of an organisation."""
        kept: dict[str, Any] | None = self.organisations.get(code, {}).get(_KEYS[what])
        return kept

    def put(self, code: str, what: str, name: str, document: dict[str, Any]) -> None:
        """Keep a secret of an organisation; that one is about to be asked for need not outlive us: it is made again."""
        self.organisations.setdefault(code, {"code": code})[_KEYS[what]] = document
        if "client_secret" in document or "password" in document:
            self.save()


class Seed:
    """Bring the demonstration's organisations into being as the operator."""

    def __init__(self, settings: LocalSettings, secrets: Secrets, http: httpx.AsyncClient, demo: Demo) -> None:
        self._partners = settings.operations_url_of("partners")
        self._demo = demo
        secret = secrets.client_secret_file("operator").read_text(encoding="utf-8").strip()
        operator = Client(http, f"{self._partners}/oauth/token", "operator", secret)
        # Nobody else uses the demonstration's access to Kafka: a lost password is made again.
        self._applying = Applying(
            self.file(), operator, http, self._partners, settings.operations_url_of("training"), demo, renew_lost=True
        )

    @staticmethod
    def file() -> TerritoryFile:
        """Return the demonstration's territory."""
        return read_file(FILE)

    async def run(self) -> None:
        """Make or complete every organisation, in parallel."""
        await self._applying.apply(await self._applying.plan())
        for wanted in self._applying.file.wanted.organisations:
            self._demo.organisations[wanted.code] = self._known(wanted, self._applying.found[wanted.code])

    def client(self, code: str) -> Client:
        """Return the API client of one organisation."""
        client = self._applying.client_of(code, "demonstration")
        assert client is not None  # made by `run`
        return client

    def _known(self, wanted: Organisation, found: Found) -> dict[str, Any]:
        keys = ("member_id", "role", "label")
        return {
            **self._demo.organisations[wanted.code],
            "code": wanted.code,
            "name": wanted.name,
            "kind": wanted.kind,
            "organisation_id": (found.organisation or {})["organisation_id"],
            "feed_url": f"{self._partners}/feed",
            "members": [{key: one[key] for key in keys} for one in found.members],
        }
