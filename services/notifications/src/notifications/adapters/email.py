"""E-mail by SMTP. A notice has one Message-ID for ever, so that a server that was given it twice can tell.

No header says who it is for or what it is about: the recipient is in the SMTP envelope only, the subject is the same
for everybody, and `X-Maillage-Notice` is an id.
"""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

import aiosmtplib

from chassis.clock import Clock
from chassis.errors import DependencyDown
from notifications.app.ports import Deferred, Message, Refused
from notifications.settings import NotificationsSettings

SECONDS = 15.0
"""For one message, connection included; a server that is slower than this is in trouble."""


class SmtpCarrier:
    """The `Carrier` port over one SMTP server."""

    def __init__(self, settings: NotificationsSettings, password: str | None, clock: Clock) -> None:
        self._settings = settings
        self._password = password
        self._clock = clock
        self._sender = parseaddr(settings.mail_from)[1]

    async def send(self, message: Message) -> str | None:
        """Hand the message over; the server's answer holds no reference that could be asked about."""
        settings = self._settings
        try:
            refused, _ = await aiosmtplib.send(
                compose(message, settings.mail_from, self._clock.now()),
                sender=self._sender,
                recipients=[message.to],
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_username or None,
                password=self._password,
                use_tls=settings.smtp_tls == "tls",
                start_tls={"auto": None, "starttls": True, "tls": False}[settings.smtp_tls],
                timeout=SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _verdict(error.recipients[0].code) from None
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPHeloError) as error:
            # Our own address or password is refused: no message of ours would fare better.
            raise DependencyDown(f"the mail server refuses this sender ({error.code})") from None
        except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
            raise DependencyDown(f"the mail server does not answer ({type(error).__name__})") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _verdict(error.code) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DependencyDown(f"the mail server does not answer ({type(error).__name__})") from None
        if refused:
            raise _verdict(next(iter(refused.values())).code)
        return None

    async def close(self) -> None:
        """Nothing stays open: each message has a connection of its own."""


def _verdict(code: int) -> Exception:
    """Return what an SMTP answer means: 421 the server leaves, 4xx not now, 5xx never."""
    if code == 421:
        return DependencyDown("the mail server is leaving (421)")
    return Deferred(f"smtp_{code}") if 400 <= code < 500 else Refused(f"smtp_{code}")


def compose(message: Message, sender: str, now: datetime) -> EmailMessage:
    """Return the e-mail: plain text, which every reader and screen reader shows as it was written."""
    email = EmailMessage(policy=SMTP)
    domain = parseaddr(sender)[1].rpartition("@")[2]
    email["From"] = sender
    email["To"] = "undisclosed-recipients:;"
    email["Subject"] = message.subject
    email["Date"] = format_datetime(now)
    email["Message-ID"] = f"<{message.notice_id}@maillage.{domain}>"
    email["X-Maillage-Notice"] = str(message.notice_id)
    # RFC 3834: nobody's holiday message answers this one.
    email["Auto-Submitted"] = "auto-generated"
    if message.reply_to is not None:
        email["Reply-To"] = message.reply_to
    # Quoted-printable: every server takes it, and a person can still read it.
    email.set_content(message.body + "\n", cte="quoted-printable")
    email["Content-Language"] = message.language
    return email
