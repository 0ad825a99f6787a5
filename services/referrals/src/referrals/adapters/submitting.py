"""The first time a referral is submitted, in one round trip: the key claimed, everything stored, the answer kept.

A council is remembered from one submission to the next, with the version of what was known of it. The statement looks
it up again: where another answers by now or it has changed, where the key was used before or is being used, nothing is
written, and the caller takes the way of several statements, which says why. So it does where the domain refuses: a
key that was used has its answer, whatever has become of the council since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chassis import idempotency
from chassis.crypto import Vault
from chassis.db import Tx
from referrals.adapters.organisations import DirectoryOrganisations
from referrals.adapters.postgres import ADD_AT_ONCE, new_row
from referrals.app.ports import Organisation
from referrals.domain.person import Told
from referrals.domain.referral import Referral, StatusChanged


class NotAtOnce(Exception):
    """Nothing was written."""


class KnownCouncils:
    """Councils by collectivity, as they were read last: no more than there are collectivities, about a hundred."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Organisation, int]] = {}

    async def find(self, tx: Tx, collectivity: str) -> tuple[Organisation, int] | None:
        """Return the council that names a collectivity, and its version; None is not remembered."""
        found = self._known.get(collectivity)
        if found is None:
            found = await DirectoryOrganisations(tx).council_by_collectivity(collectivity)
            if found is not None:
                self._known[collectivity] = found
        return found

    def forget(self, collectivity: str) -> None:
        """Have it read again."""
        self._known.pop(collectivity, None)


class Submission:
    """The `Councils` and `NewReferrals` ports of one submission, on a connection without a transaction."""

    def __init__(
        self,
        connection: Tx,
        vault: Vault,
        councils: KnownCouncils,
        attempt: idempotency.Attempt,
        answer: Callable[[Referral, Organisation], tuple[Mapping[str, Any], str]],
    ) -> None:
        self._connection = connection
        self._vault = vault
        self._councils = councils
        self._attempt = attempt
        self._answer = answer
        self.answered: tuple[Mapping[str, Any], str] | None = None
        """The answer that was kept, and where what it is about is found; once `add` has returned."""
        self._collectivity = ""
        self._council: tuple[Organisation, int] | None = None

    async def council_for(self, collectivity: str, commune: str, *, sandbox: bool) -> Organisation | None:
        """Return the council that names the collectivity, or raise NotAtOnce: it may be found in another way."""
        if sandbox:
            # The remembered councils are the real ones.
            raise NotAtOnce
        self._collectivity = collectivity
        self._council = await self._councils.find(self._connection, collectivity)
        if self._council is None:
            raise NotAtOnce
        return self._council[0]

    async def add(self, referral: Referral, told: Told, fact: StatusChanged) -> None:
        """Store everything and keep the answer, or raise NotAtOnce."""
        assert self._council is not None
        council, version = self._council
        body, location = self._answer(referral, council)
        kept = idempotency.at_once_arguments(
            self._attempt, now=fact.at, status=201, body=body, resource_id=referral.referral_id, location=location
        )
        row = new_row(self._vault, referral, told, fact)
        stored = await self._connection.execute(ADD_AT_ONCE, *row, version, *kept, self._collectivity)
        if stored == "INSERT 0 0":
            self._councils.forget(self._collectivity)
            raise NotAtOnce
        self.answered = body, location
