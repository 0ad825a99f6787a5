"""What a site may not do, and what is said to whoever tries."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from notifications.settings import NotificationsSettings


def settings(**changes: Any) -> NotificationsSettings:
    usual = {
        "stack": "site", "http_port": 0, "database_dsn": SecretStr("postgresql://x"), "smtp_host": "mail.test",
        "registration_url": "http://registration.test", "portal_url": "https://portail.test", "smtp_tls": "starttls",
        "sms_url": "https://sms.test", "mail_from": "Maillage <ecrire@departement.test>",
        "partners_url": "http://partners.test", "contact_phone": "01 99 00 00 01", "contact_address": "1 rue d’ici",
    }  # fmt: skip
    return NotificationsSettings.model_validate(usual | changes)


def test_site_with_its_own_sender_is_accepted() -> None:
    assert settings().quiet_hours == "on"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"quiet_hours": "off"}, "MAILLAGE_QUIET_HOURS"),
        ({"mail_from": "Maillage <maillage@example.org>"}, "MAILLAGE_MAIL_FROM"),
        ({"mail_from": "personne"}, "MAILLAGE_MAIL_FROM"),
        ({"smtp_tls": "auto"}, "MAILLAGE_SMTP_TLS"),
        ({"contact_phone": ""}, "MAILLAGE_CONTACT_PHONE"),
    ],
)
def test_site_is_refused(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        settings(**changes)


def test_demonstration_may_write_at_night() -> None:
    assert settings(stack="embedded", quiet_hours="off", smtp_tls="auto").quiet_hours == "off"
