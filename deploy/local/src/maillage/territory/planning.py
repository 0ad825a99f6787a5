"""Compare a file with what is there, and say what would change: nothing is written here.

What the file does not name is `extra`: it stays, unless whoever applies asks for it to be removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from maillage.territory.checking import EVERY_TYPE, STREAM_TYPES, canonical
from maillage.territory.found import Found
from maillage.territory.keeping import Keeper, name_of_url
from maillage.territory.lines import Place
from maillage.territory.wanted import ApiClient, Organisation, Webhook
from partners.domain.access import SCOPES
from partners.domain.organisation import Kind

CREATE, CHANGE, RENEW, NOTHING, EXTRA = "create", "change", "renew", "nothing", "extra"
CHANGES = (CREATE, CHANGE, RENEW)
FIELDS = ("name", "phone", "postal_address", "email")
OPEN_ACCESS = ("requested", "granted")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing of the file, or beside it, and what is to be done about it."""

    action: str
    code: str
    what: str
    """organisation, member, client, webhook, kafka or programme."""
    name: str
    place: Place
    note: str = ""
    ref: str = ""
    """The id by which a service knows it, of what is extra or replaced."""

    def document(self) -> dict[str, str]:
        """Return the step for a program."""
        return {"action": self.action, "organisation": self.code, "what": self.what, "name": self.name,
                "note": self.note}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparing:
    """An organisation of the file beside what was found of it."""

    wanted: Organisation
    found: Found
    keeper: Keeper
    place: Place
    renew_lost: bool = False
    """Make a new password where the old one is in no file of ours, although somebody may be using it."""

    def steps(self) -> Iterator[Step]:
        """Yield what to do, in the order in which it can be done; then what is extra."""
        yield self._organisation()
        for number, member in enumerate(self.wanted.members):
            there = any((one["role"], one["label"]) == (member.role, member.label) for one in self.found.members)
            yield self._step(NOTHING if there else CREATE, "member", member.label, "members", number)
        for number, client in enumerate(self.wanted.clients):
            yield self._client(client, number)
        for number, webhook in enumerate(self.wanted.webhooks):
            yield self._webhook(webhook, number)
        if self.wanted.kafka:
            yield self._kafka()
        yield from self._extra()

    def conflicts(self) -> Iterator[tuple[Place, str, str]]:
        """Yield what can never become as the file wants it."""
        known = self.found.organisation
        if known is not None and known["kind"] != self.wanted.kind:
            yield (
                (*self.place, "kind"),
                f"{self.wanted.code} est {known['kind']}",
                f"{self.wanted.code} is another kind",
            )
        if known is not None and bool(known.get("sandbox")) != self.wanted.sandbox:
            world = ("du bac à sable", "of the sandbox") if known.get("sandbox") else ("réelle", "a real one")
            yield (*self.place, "sandbox"), f"{self.wanted.code} est {world[0]}", f"{self.wanted.code} is {world[1]}"
        for number, member in enumerate(self.wanted.members):
            for one in self.found.members:
                if one["label"] == member.label and one["role"] != member.role:
                    yield (
                        (*self.place, "members", number, "role"),
                        f"ce membre a le rôle {one['role']}",
                        f"this member has the role {one['role']}",
                    )

    def scopes_of(self, client: ApiClient) -> list[str]:
        """Return what a client may do, spelt out."""
        return sorted(client.scopes or SCOPES[Kind(self.wanted.kind)])

    def _step(self, action: str, what: str, name: str, *place: str | int, note: str = "", ref: str = "") -> Step:
        return Step(action, self.wanted.code, what, name, (*self.place, *place), note, ref)

    def _organisation(self) -> Step:
        known = self.found.organisation
        if known is None:
            return self._step(CREATE, "organisation", self.wanted.name)
        changed = [key for key in FIELDS if getattr(self.wanted, key) != known.get(key)]
        if territory_of(self.wanted) != {key: sorted(codes) for key, codes in known["territory"].items()}:
            changed.append("territory")
        if self.wanted.event_types is not None and types_of(self.wanted) != _types(known):
            changed.append("event_types")
        return self._step(CHANGE if changed else NOTHING, "organisation", self.wanted.name, note=", ".join(changed))

    def _client(self, client: ApiClient, number: int) -> Step:
        kept = self.keeper.get(self.wanted.code, "client", client.name) or {}
        at = ("clients", number)
        if "client_secret" not in kept:
            return self._step(CREATE, "client", client.name, *at)
        if kept["client_id"] not in self.found.live_clients:
            return self._step(RENEW, "client", client.name, *at, note="révoqué ou inconnu · revoked or unknown")
        if sorted(kept.get("scopes", ())) != self.scopes_of(client):
            return self._step(CHANGE, "client", client.name, *at, note="scopes", ref=kept["client_id"])
        if "replaces" in kept:
            return self._step(CHANGE, "client", client.name, *at, note="l'ancien à révoquer · the old one to revoke")
        return self._step(NOTHING, "client", client.name, *at)

    def _webhook(self, webhook: Webhook, number: int) -> Step:
        at, name = ("webhooks", number), webhook.url
        known = next((one for one in self.found.webhooks if one["url"] == webhook.url), None)
        if known is None:
            return self._step(CREATE, "webhook", name, *at)
        kept = self.keeper.get(self.wanted.code, "webhook", name_of_url(webhook.url))
        ref = str(known["webhook_id"])
        if (sorted(webhook.event_types) if webhook.event_types else None) != _types(known):
            return self._step(CHANGE, "webhook", name, *at, note="event_types", ref=ref)
        if kept is not None and "secret" not in kept:
            return self._step(RENEW, "webhook", name, *at, note="secret perdu · secret lost", ref=ref)
        if known["state"] == "pending":
            return self._step(CHANGE, "webhook", name, *at, note="adresse à vérifier · to be verified", ref=ref)
        note = "" if known["state"] == "active" else str(known["state"])
        return self._step(NOTHING, "webhook", name, *at, note=note or _elsewhere(kept is None))

    def _kafka(self) -> Step:
        kept = self.keeper.get(self.wanted.code, "kafka", "")
        if self.found.kafka is None or self.found.kafka["state"] not in OPEN_ACCESS:
            return self._step(CREATE, "kafka", "", "kafka")
        if kept is not None and "password" in kept:
            return self._step(NOTHING, "kafka", "", "kafka")
        if kept is not None or self.renew_lost:
            return self._step(RENEW, "kafka", "", "kafka", note="mot de passe perdu · password lost")
        return self._step(NOTHING, "kafka", "", "kafka", note=_elsewhere(True))

    def _extra(self) -> Iterator[Step]:
        code, wanted = self.wanted.code, self.wanted
        ours = {(self.keeper.get(code, "client", one.name) or {}).get("client_id") for one in wanted.clients}
        for client in self.found.clients:
            if client["client_id"] not in ours:
                yield self._step(EXTRA, "client", client["client_id"], ref=client["client_id"])
        urls = {one.url for one in wanted.webhooks}
        for webhook in self.found.webhooks:
            if webhook["url"] not in urls:
                yield self._step(EXTRA, "webhook", webhook["url"], ref=str(webhook["webhook_id"]))
        labels = {one.label for one in wanted.members}
        for member in self.found.members:
            if member["label"] not in labels:
                yield self._step(EXTRA, "member", member["label"], ref=str(member["member_id"]))
        if self.found.kafka is not None and self.found.kafka["state"] in OPEN_ACCESS and not wanted.kafka:
            yield self._step(EXTRA, "kafka", "")


def territory_of(wanted: Organisation) -> dict[str, list[str]]:
    """Return a territory as `partners` writes it."""
    answers = wanted.kind in ("council", "employment_service")
    return {
        "communes": sorted(set(wanted.territory.communes)),
        "epcis": sorted(set(wanted.territory.epcis)),
        "departements": [] if answers else sorted(set(wanted.territory.departements)),
        "collectivities": sorted(canonical(wanted)),
    }


def types_of(wanted: Organisation) -> list[str] | None:
    """Return the types that an organisation is to ask for as `partners` writes them: None for all of its role."""
    named = set(wanted.event_types or (EVERY_TYPE,))
    return None if EVERY_TYPE in named or named >= set(STREAM_TYPES) else sorted(named)


def _types(known: Mapping[str, Any]) -> list[str] | None:
    return sorted(known["event_types"]) if known.get("event_types") else None


def _elsewhere(elsewhere: bool) -> str:
    return "secret hors de ce dossier · its secret is not in this folder" if elsewhere else ""
