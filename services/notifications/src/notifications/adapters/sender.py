"""The worker: takes what is due, asks whom to reach and how, hands it to carriers, records what they answered.

No transaction is open while anybody is waited for over the network. What is in hand when the process dies is taken up
again, under the same Message-ID and reference. Whom we depend on being away is no failure of a notice: it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import structlog

from chassis.db import Database
from chassis.errors import DependencyDown
from chassis.faults import fault_point
from chassis.runtime import Runtime
from notifications.adapters import spans
from notifications.adapters.contacts import PartnersApplicants, RegistrationContacts
from notifications.adapters.organisations import DirectoryOrganisations
from notifications.adapters.postgres.notices import PostgresNotices
from notifications.adapters.postgres.opt_outs import PostgresOptOuts
from notifications.adapters.postgres.statements import TAKE_BACK
from notifications.app.ports import Carrier, Contact, Deferred, Prepared, Refused, Says, Taken
from notifications.app.prepare_message import Ends, NobodyCan, Waits, prepare_message
from notifications.app.record_outcome import Outcome, Result, record_outcome
from notifications.app.take_due import take_due
from notifications.domain.courtesy import Courtesy
from notifications.domain.fact import APPLICANT, OPERATORS, PERSON
from notifications.domain.states import State
from notifications.domain.template import Catalogue

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
"""An idle look is one look at an index; a notice leaves within a second of its event."""

AT_ONCE = 8
"""Messages handed over at the same time."""

Contacts: TypeAlias = Mapping[str, Mapping[UUID, Contact] | None]
"""By audience, how to reach its recipients; None while whoever knows does not answer."""


class Sender:
    """Sends the notices of one replica."""

    def __init__(
        self,
        runtime: Runtime,
        catalogue: Catalogue,
        courtesy: Courtesy,
        contacts: RegistrationContacts,
        applicants: PartnersApplicants,
        carriers: Mapping[str, Carrier],
        says: Says,
        operators_email: str = "",
    ) -> None:
        self._runtime = runtime
        self._db: Database = runtime.background_db
        self._clock = runtime.clock
        self._instance = runtime.settings.instance
        self.catalogue = catalogue
        self.courtesy = courtesy
        self._contacts = contacts
        self._applicants = applicants
        self._carriers = carriers
        self._says = says
        self.operators_email = operators_email
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.away: dict[str, str] = {}
        """Who does not answer, by name, and what was seen: for operators."""

    async def close(self) -> None:
        """Close what stays open between messages."""
        for carrier in self._carriers.values():
            await carrier.close()
        await self._contacts.close()
        await self._applicants.close()

    def note(self) -> str | None:
        """Return whom notices wait for, if anybody."""
        return "; ".join(f"{name}: {cause}" for name, cause in sorted(self.away.items())) or None

    async def run(self) -> None:
        """Send what falls due, for ever, beginning with what this replica had in hand when it ended."""
        await self.take_back()
        while True:
            if not await self.step():
                await asyncio.sleep(POLL_SECONDS)

    async def take_back(self) -> None:
        """Make what this replica had in hand due at once."""
        async with self._db.transaction() as tx:
            await tx.execute(TAKE_BACK, self._instance, self._clock.now())

    async def step(self) -> int:
        """Send one batch; return how many notices were looked at."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            taken, looked_at = await take_due(
                notices=PostgresNotices(tx, now, instance=self._instance),
                opt_outs=PostgresOptOuts(tx),
                organisations=DirectoryOrganisations(tx),
                courtesy=self.courtesy,
                now=now,
            )
        if taken:
            fault_point("notices.taken")
            await self._send(taken)
        if looked_at:
            self._runtime.doorbell.ring()
        return looked_at

    async def _send(self, taken: Sequence[Taken]) -> None:
        contacts = {
            PERSON: await self._ask(taken),
            APPLICANT: await self._ask_applicants(taken),
            OPERATORS: self._operators(taken),
        }
        down: set[str] = set()
        # One that fails in a way nobody foresaw must not keep the others from being recorded.
        ended = await asyncio.gather(*(self._one(one, contacts, down) for one in taken), return_exceptions=True)
        for one, result in zip(taken, ended, strict=True):
            if isinstance(result, BaseException):
                # It stays in hand until its lease ends; how often it is taken up is bounded.
                log.error("notice_failed", aggregate_id=one.notice.notice_id, error_type=type(result).__name__)

    async def _ask(self, taken: Sequence[Taken]) -> Mapping[UUID, Contact] | None:
        """Return the contacts of the batch's persons; None while registration does not answer."""
        personal = [one for one in taken if one.notice.subject_ref is not None]
        if not personal:
            return {}
        persons = {one.notice.subject_ref for one in personal if one.notice.subject_ref is not None}
        appointments = {one.fact.aggregate_id for one in personal if one.fact.aggregate_field == "appointment_id"}
        try:
            with spans.checking([one.requested for one in personal]):
                found = await self._contacts.ask(persons, appointments)
        except DependencyDown as error:
            self._is_away("registration", str(error))
            return None
        self.away.pop("registration", None)
        return found

    async def _ask_applicants(self, taken: Sequence[Taken]) -> Mapping[UUID, Contact] | None:
        """Return the contacts of those who ask to join; None while partners do not answer."""
        applying = [one for one in taken if one.notice.audience == APPLICANT]
        if not applying:
            return {}
        try:
            with spans.checking([one.requested for one in applying]):
                found = await self._applicants.ask({one.fact.aggregate_id for one in applying})
        except DependencyDown as error:
            self._is_away("partners", str(error))
            return None
        self.away.pop("partners", None)
        return found

    def _operators(self, taken: Sequence[Taken]) -> Mapping[UUID, Contact]:
        """Return where operators are written to, for each event; without an address nothing is sent."""
        told = [one.fact for one in taken if one.notice.audience == OPERATORS]
        # Known at the version of its event: no other service has to catch up with it.
        return {
            fact.aggregate_id: Contact(fact.version, gone=False, email=self.operators_email or None) for fact in told
        }

    async def _one(self, taken: Taken, contacts: Contacts, down: set[str]) -> None:
        async with self._slots:
            outcome = await self._outcome(taken, contacts, down)
            now = self._clock.now()
            async with self._db.transaction() as tx:
                notices = PostgresNotices(tx, now, instance=self._instance)
                state = await record_outcome(taken.notice.notice_id, outcome, notices=notices, now=now)
        if state is State.EXHAUSTED:
            log.warning("notice_exhausted", aggregate_id=taken.notice.notice_id, kind=taken.notice.template)

    async def _outcome(self, taken: Taken, contacts: Contacts, down: set[str]) -> Outcome:
        contact = None
        by_event = taken.notice.audience in (APPLICANT, OPERATORS)
        whom = taken.fact.aggregate_id if by_event else taken.notice.subject_ref
        if taken.notice.audience in contacts and whom is not None:
            known = contacts[taken.notice.audience]
            if known is None:
                return Outcome(Result.WAITS)
            contact = known.get(whom)
        prepared = prepare_message(taken, contact, catalogue=self.catalogue, says=self._says, now=self._clock.now())
        match prepared:
            case Prepared():
                return await self._hand_over(prepared, taken, down)
            case Ends(reason):
                return Outcome(Result.ENDS, reason=reason)
            case Waits(cause):
                log.info("notice_waits", aggregate_id=taken.notice.notice_id, cause=cause)
                return Outcome(Result.WAITS)
            case NobodyCan():
                return Outcome(Result.NOBODY_CAN)

    async def _hand_over(self, prepared: Prepared, taken: Taken, down: set[str]) -> Outcome:
        channel = prepared.channel
        if channel in down:
            return Outcome(Result.WAITS, channel)
        try:
            with spans.sending(prepared, taken.requested):
                reference = await self._carriers[channel].send(prepared.message)
        except Deferred as error:
            return Outcome(Result.DEFERRED, channel, error.code)
        except Refused as error:
            return Outcome(Result.REFUSED, channel, error.code)
        except DependencyDown as error:
            down.add(channel)
            self._is_away(channel, str(error))
            return Outcome(Result.WAITS, channel)
        fault_point("notices.sent")
        self.away.pop(channel, None)
        return Outcome(Result.ACCEPTED, channel, reference=reference)

    def _is_away(self, name: str, cause: str) -> None:
        if self.away.get(name) != cause:
            log.warning("waiting_for_dependency", dependency=name, cause=cause)
        self.away[name] = cause
