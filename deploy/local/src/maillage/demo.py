"""The demonstration's organisations: one association, two councils, an
employment service and a training provider, made through the public API of `partners`.

Idempotent: what exists is kept. What is shown only once (API secrets, Kafka passwords) is kept in a private file,
`.maillage/run/demo.json`, written after each answer so that a crash between two loses nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from maillage.api import Client
from maillage.errors import Refusal
from maillage.secrets import Secrets, write_private
from maillage.settings import LocalSettings

KAFKA_ACCESS_SECONDS = 60.0
"""`partners` creates topic, user and rights in the background, as soon as Kafka answers it."""

SCOPES = {
    "association": ["referrals:write", "referrals:read", "feed:read"],
    "council": [
        "referrals:answer",
        "referrals:read",
        "accompaniments:act",
        "appointments:act",
        "sessions:read",
        "enrolments:act",
        "feed:read",
    ],
    "employment_service": [
        "accompaniments:act",
        "appointments:act",
        "sessions:read",
        "enrolments:act",
        "feed:read",
    ],
    "training_provider": ["sessions:write", "sessions:read", "enrolments:act", "feed:read"],
}
"""What an API client of each kind of organisation may do."""

WITH_KAFKA = ("council", "employment_service")
"""Kinds that read their own topic in the demonstration; the others read their feed."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An organisation of the demonstration before it exists; phones are of the range kept for fiction (01 99 00)."""

    code: str
    kind: str
    name: str
    phone: str
    postal_address: str
    members: tuple[tuple[str, str], ...]
    collectivities: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """Return what `PUT /organisations/{code}` takes."""
        territory = {"communes": [], "epcis": [], "departements": [], "collectivities": list(self.collectivities)}
        return {
            "name": self.name,
            "kind": self.kind,
            "phone": self.phone,
            "postal_address": self.postal_address,
            "email": f"{self.code}@example.org",
            "territory": territory,
        }


PLAN = (
    Planned(
        "asso1",
        "association",
        "Association d'exemple (démonstration)",
        "01 99 00 00 01",
        "1 rue de l'Exemple, 93100 Montreuil",
        (("volunteer", "Bénévole d'exemple"), ("caseworker", "Référente d'exemple")),
    ),
    Planned(
        "cd93",
        "council",
        "Département de la Seine-Saint-Denis (démonstration)",
        "01 99 00 00 93",
        "93 avenue de l'Exemple, 93000 Bobigny",
        (("caseworker", "Travailleuse sociale d'exemple (93)"),),
        ("93D",),
    ),
    Planned(
        "cd94",
        "council",
        "Département du Val-de-Marne (démonstration)",
        "01 99 00 00 94",
        "94 avenue de l'Exemple, 94000 Créteil",
        (("caseworker", "Travailleur social d'exemple (94)"),),
        ("94D",),
    ),
    Planned(
        "ft93",
        "employment_service",
        "Service de l'emploi de la Seine-Saint-Denis (démonstration)",
        "01 99 00 10 93",
        "10 rue de l'Exemple, 93000 Bobigny",
        (("adviser", "Conseillère d'exemple (93)"),),
        ("93D",),
    ),
    Planned(
        "of93",
        "training_provider",
        "Organisme de formation d'exemple (démonstration)",
        "01 99 00 20 93",
        "20 rue de l'Exemple, 93100 Montreuil",
        (("trainer", "Formatrice d'exemple"),),
    ),
)


@dataclass(slots=True)
class Demo:
    """What the file holds: organisations by code, and whether the story was played."""

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


class Seed:
    """Bring the demonstration's organisations into being as the operator."""

    def __init__(self, settings: LocalSettings, secrets: Secrets, http: httpx.AsyncClient, demo: Demo) -> None:
        self._partners = settings.operations_url_of("partners")
        self._token_url = f"{self._partners}/oauth/token"
        self._http = http
        self._demo = demo
        secret = secrets.client_secret_file("operator").read_text(encoding="utf-8").strip()
        self._operator = Client(http, self._token_url, "operator", secret)

    async def run(self) -> None:
        """Make or complete every organisation, in parallel."""
        await asyncio.gather(*(self._organisation(planned) for planned in PLAN))

    def client(self, code: str) -> Client:
        """Return the API client of one organisation."""
        api = self._demo.organisations[code]["api"]
        return Client(self._http, self._token_url, api["client_id"], api["client_secret"])

    async def _organisation(self, planned: Planned) -> None:
        url = f"{self._partners}/organisations/{planned.code}"
        answer = await self._operator.put(url, planned.body())
        known = self._demo.organisations.setdefault(planned.code, {"code": planned.code})
        known.update(name=planned.name, kind=planned.kind, organisation_id=answer["organisation_id"])
        known["feed_url"] = f"{self._partners}/feed"
        known["members"] = await self._members(url, planned)
        await self._api_client(url, planned, known)
        if planned.kind in WITH_KAFKA:
            await self._kafka_access(url, known)

    async def _members(self, url: str, planned: Planned) -> list[dict[str, Any]]:
        members = []
        for role, label in planned.members:
            # The same label and role again is the same member.
            answer = await self._operator.post(f"{url}/members", {"role": role, "label": label})
            members.append({"member_id": answer["member_id"], "role": role, "label": label})
        return members

    async def _api_client(self, url: str, planned: Planned, known: dict[str, Any]) -> None:
        scopes = SCOPES[planned.kind]
        # A data folder of an earlier version holds a client that may do less.
        if "api" in known and known["api"].get("scopes") == scopes:
            try:
                await self.client(planned.code).token()
                return
            except Refusal:
                # The file outlived the database that knew this client, or somebody revoked it.
                known.pop("api")
        created = await self._operator.post(f"{url}/clients", {"scopes": scopes})
        known["api"] = {
            "client_id": created["client_id"],
            "client_secret": created["client_secret"],
            "scopes": scopes,
            "token_url": self._token_url,
        }
        self._demo.save()

    async def _kafka_access(self, url: str, known: dict[str, Any]) -> None:
        access = await self._operator.put(f"{url}/kafka-access")
        if "password" not in access and "password" not in known.get("kafka", {}):
            # The password was shown once and our file was lost: only a new access has a new one.
            await self._operator.delete(f"{url}/kafka-access")
            await self._access_state(url, lambda found: found["state"] == "revoked")
            access = await self._operator.put(f"{url}/kafka-access")
        known["kafka"] = {**known.get("kafka", {}), **access}
        self._demo.save()
        known["kafka"].update(await self._access_state(url, lambda found: bool(found["ready"])))
        self._demo.save()

    async def _access_state(self, url: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + KAFKA_ACCESS_SECONDS
        while not wanted(found := dict(await self._operator.get(f"{url}/kafka-access"))):
            if asyncio.get_running_loop().time() > deadline:
                raise Refusal(
                    f"Un accès Kafka n'est pas prêt après {KAFKA_ACCESS_SECONDS:.0f} s · Kafka access is not ready",
                    "maillage logs partners",
                )
            await asyncio.sleep(0.1)
        return found
