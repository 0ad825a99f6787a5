"""The SMTP catcher: accepts every e-mail for anybody and sends none on."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session

from chassis.clock import Clock
from maillage.desk.mail import MailBox
from maillage.desk.settings import HOST

BYTES_MAX = 2 * 1024 * 1024
"""A notice has a few kilobytes; a letter attached to it some hundreds."""


class _Catcher:
    def __init__(self, box: MailBox, clock: Clock) -> None:
        self._box = box
        self._clock = clock

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        content = envelope.content
        assert isinstance(content, bytes)  # decode_data is off
        self._box.receive(content, envelope.rcpt_tos, self._clock.now())
        return "250 2.0.0 kept here, sent nowhere"


async def listen(box: MailBox, clock: Clock, port: int, host: str = HOST) -> asyncio.Server:
    """Start listening, on loopback unless told otherwise."""
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            _Catcher(box, clock), data_size_limit=BYTES_MAX, enable_SMTPUTF8=True, ident="Maillage desk", loop=loop
        )

    return await loop.create_server(protocol, host, port)
