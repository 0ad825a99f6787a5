"""From rows to what the domain knows."""

from __future__ import annotations

import asyncpg

from training.domain.accompaniment import Accompaniment, AccompanimentStatus
from training.domain.enrolment import Enrolment
from training.domain.session import Programme, Session, SessionStatus
from training.domain.status import Status

ENROLMENT_COLUMNS = """e.enrolment_id, e.version, e.status, e.session_id, e.asked_session_id, e.accompaniment_id,
    e.action_id, e.planned, e.requested_at, e.changed_at, e.waits_on, e.place, e.offer_expires_at,
    k.status AS accompaniment_status, k.referral_id, k.subject_ref, k.correlation_id, k.commune, k.referrer_id,
    k.sender_kind, k.council_id, k.employment_id"""
"""Of `enrolments e` and `known_accompaniments k`: what `enrolment_of` reads."""


def session_of(row: asyncpg.Record) -> Session:
    """Return the aggregate of a row of `sessions`."""
    return Session(
        session_id=row["session_id"],
        correlation_id=row["correlation_id"],
        organisation_id=row["organisation_id"],
        programme=Programme(
            title=row["title"],
            theme=row["theme"],
            commune=row["commune"],
            seats=row["seats"],
            hours=row["hours"],
            starts_at=row["starts_at"],
            place=row["place"],
        ),
        opened_at=row["opened_at"],
        changed_at=row["changed_at"],
        status=SessionStatus(row["status"]),
        version=row["version"],
        taken=row["taken"],
        waiting=row["waiting"],
    )


def accompaniment_of(row: asyncpg.Record, status: str = "status") -> Accompaniment:
    """Return what is known of an accompaniment; `status` names the column of its status."""
    return Accompaniment(
        accompaniment_id=row["accompaniment_id"],
        referral_id=row["referral_id"],
        subject_ref=row["subject_ref"],
        correlation_id=row["correlation_id"],
        commune=row["commune"],
        referrer_id=row["referrer_id"],
        sender_kind=row["sender_kind"],
        council_id=row["council_id"],
        employment_id=row["employment_id"],
        status=AccompanimentStatus(row[status]),
    )


def enrolment_of(row: asyncpg.Record) -> Enrolment:
    """Return the aggregate of ENROLMENT_COLUMNS."""
    return Enrolment(
        enrolment_id=row["enrolment_id"],
        accompaniment=accompaniment_of(row, "accompaniment_status"),
        action_id=row["action_id"],
        asked_session_id=row["asked_session_id"],
        session_id=row["session_id"],
        requested_at=row["requested_at"],
        changed_at=row["changed_at"],
        planned=row["planned"],
        status=Status(row["status"]),
        version=row["version"],
        waits_on=row["waits_on"],
        place=row["place"],
        offer_expires_at=row["offer_expires_at"],
    )
