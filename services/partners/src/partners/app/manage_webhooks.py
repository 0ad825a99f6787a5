"""Manage an organisation's webhooks. Each function is one command, in the transaction that is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.ids import new_id
from partners.app.webhook_ports import Webhooks
from partners.domain.cursor import read_cursor, write_cursor
from partners.domain.errors import BadCursor, CursorTooOld, NotFound, TooManyWebhooks, WrongState
from partners.domain.webhook import SECRETS_MAX, WEBHOOKS_MAX, State, Webhook, new_secret
from partners.domain.webhook_address import checked_url


@dataclass(frozen=True, slots=True)
class Start:
    """From where in the stream: after a feed cursor, since an instant, or from now on."""

    after: str | None = None
    since: datetime | None = None


async def create_webhook(
    webhooks: Webhooks,
    organisation_id: UUID,
    url: str,
    event_types: Sequence[str] | None,
    start: Start,
    at: datetime,
    *,
    loopback: bool,
) -> tuple[Webhook, str]:
    """Add a webhook, which delivers nothing before its address has answered a challenge; return it and its secret."""
    url = checked_url(url, loopback=loopback)
    last = await webhooks.lock_owner(organisation_id)
    if len(await webhooks.all_of(organisation_id)) >= WEBHOOKS_MAX:
        raise TooManyWebhooks
    position = await _position(webhooks, organisation_id, start, last)
    types = None if event_types is None else tuple(sorted(set(event_types)))
    webhook = Webhook(
        new_id(), organisation_id, url, types, State.PENDING, None, last if position is None else position,
        None, None, 0, None, at, at,
    )  # fmt: skip
    secret = new_secret()
    await webhooks.add(webhook)
    await webhooks.add_secret(webhook.webhook_id, new_id(), secret, at)
    return webhook, secret


async def _position(webhooks: Webhooks, organisation_id: UUID, start: Start, last: int) -> int | None:
    if start.after is not None:
        position = read_cursor(start.after, organisation_id)
        if position > last:
            raise BadCursor
        if position < (purged := await webhooks.purged(organisation_id)):
            raise CursorTooOld(write_cursor(organisation_id, purged))
        return position
    if start.since is not None:
        return await webhooks.position_since(organisation_id, start.since)
    return None


async def found(webhooks: Webhooks, organisation_id: UUID, webhook_id: UUID, *, lock: bool = True) -> Webhook:
    """Return a webhook of this organisation, locked; raises NotFound for another's as for none."""
    webhook = await webhooks.find(organisation_id, webhook_id, lock=lock)
    if webhook is None:
        raise NotFound
    return webhook


async def activate(webhooks: Webhooks, webhook: Webhook, at: datetime) -> Webhook:
    """Begin to deliver, or go on where it stopped, with new attempts for what waits."""
    changed = replace(webhook, state=State.ACTIVE, reason=None, failures=0, changed_at=at)
    await webhooks.change(changed, at)
    await webhooks.retry_now(webhook.webhook_id, at)
    return changed


async def pause(webhooks: Webhooks, webhook: Webhook, at: datetime) -> Webhook:
    """Stop delivering; the position stands for as long as it takes. Raises WrongState unless it is active."""
    if webhook.state is State.PAUSED:
        return webhook
    if webhook.state is not State.ACTIVE:
        raise WrongState
    changed = replace(webhook, state=State.PAUSED, changed_at=at)
    await webhooks.change(changed, at)
    return changed


async def rotate_secret(
    webhooks: Webhooks, webhook: Webhook, overlap: timedelta, at: datetime
) -> tuple[UUID, str]:  # fmt: skip
    """Add a secret and let the others end after `overlap`; until then each delivery carries a signature of each."""
    if len(await webhooks.secrets(webhook.webhook_id, at)) >= SECRETS_MAX and overlap:
        raise TooManyWebhooks
    secret_id, secret = new_id(), new_secret()
    await webhooks.add_secret(webhook.webhook_id, secret_id, secret, at)
    await webhooks.expire_secrets(webhook.webhook_id, secret_id, at + overlap)
    return secret_id, secret


async def redeliver_event(webhooks: Webhooks, webhook: Webhook, event_id: UUID, at: datetime) -> None:
    """Send one event of the stream again, whatever the filter."""
    if webhook.state is State.PENDING:
        raise WrongState
    if await webhooks.send_again(webhook, event_id, at) is None:
        raise NotFound


async def redeliver_range(
    webhooks: Webhooks, webhook: Webhook, start: Start, until: str | None, at: datetime
) -> Webhook:  # fmt: skip
    """Send again what lies after `start`, up to a cursor or to where delivery stands.

    One range at a time: raises WrongState while one is under way.
    """
    if webhook.state is State.PENDING or webhook.replay_position is not None:
        raise WrongState
    last = await webhooks.lock_owner(webhook.organisation_id)
    position = await _position(webhooks, webhook.organisation_id, start, last)
    end = webhook.position if until is None else min(read_cursor(until, webhook.organisation_id), webhook.position)
    if position is None:
        raise BadCursor
    if position >= end:
        return webhook
    changed = replace(webhook, replay_position=position, replay_until=end, changed_at=at)
    await webhooks.change(changed, at)
    return changed
