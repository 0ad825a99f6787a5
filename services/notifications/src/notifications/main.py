"""Composition root of the notifications service."""

from __future__ import annotations

from fastapi import FastAPI

import territory
from chassis.app import Parts, build_app
from chassis.clock import Clock
from chassis.runtime import build_runtime
from chassis.service_client import ServiceClient
from chassis.settings import load, read_secret
from notifications.adapters.contacts import PartnersApplicants, RegistrationContacts
from notifications.adapters.email import SmtpCarrier
from notifications.adapters.http import notices, opt_outs, receipts
from notifications.adapters.places import FrenchCalendar
from notifications.adapters.projections import PROJECTIONS
from notifications.adapters.sender import Sender
from notifications.adapters.sms import SmsCarrier
from notifications.adapters.subscribers import subscriptions
from notifications.adapters.templates import load_catalogue
from notifications.adapters.values import FrenchWords, Platform
from notifications.domain.courtesy import Courtesy
from notifications.settings import FICTIVE_ADDRESS, FICTIVE_PHONE, NotificationsSettings


def create_app(settings: NotificationsSettings | None = None, clock: Clock | None = None) -> FastAPI:
    """Build the service; reads the environment unless given settings, checks every template, and opens nothing."""
    settings = settings or load(NotificationsSettings)
    runtime = build_runtime("notifications", settings, clock)
    catalogue = load_catalogue()
    courtesy = Courtesy(FrenchCalendar()) if settings.quiet_hours == "on" else Courtesy(FrenchCalendar(), False, None)
    registration = ServiceClient(settings.registration_url, runtime.service_tokens())
    partners = ServiceClient(settings.partners_url, runtime.service_tokens())
    platform = Platform(
        "Maillage", settings.contact_phone or FICTIVE_PHONE, settings.contact_address or FICTIVE_ADDRESS
    )
    sms_token = read_secret(settings.sms_token_file, "MAILLAGE_SMS_TOKEN_FILE")
    password = None
    if settings.smtp_username:
        password = read_secret(settings.smtp_password_file, "MAILLAGE_SMTP_PASSWORD_FILE")
    sender = Sender(
        runtime,
        catalogue,
        courtesy,
        RegistrationContacts(registration),
        PartnersApplicants(partners),
        {"email": SmtpCarrier(settings, password, runtime.clock), "sms": SmsCarrier(settings.sms_url, sms_token)},
        FrenchWords(catalogue, courtesy, settings.portal_url, platform),
        settings.operators_email,
    )
    runtime.health.register("registration", registration.check)
    runtime.health.register("partners", partners.check)
    runtime.health.note("carriers", sender.note)
    # Read now: the first notice of the day must not be the one that waits for the file.
    territory.load()
    app = build_app(
        runtime,
        Parts(
            routers=[notices.routes(), opt_outs.routes(), receipts.routes(sms_token)],
            subscriptions=subscriptions(catalogue, courtesy, runtime.clock),
            projections=PROJECTIONS,
            background=[sender.run],
        ),
    )
    app.state.sender = sender
    return app
