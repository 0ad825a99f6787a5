"""What the topics alone rebuild here: which person each referral led to, and the steps that other services told.

Our own steps are written with the aggregates, by what people did: they are theirs, not a projection.
"""

from __future__ import annotations

from chassis.projections import Projection, Projections
from maillage_contracts import AppointmentProposed, EnrolmentRequested, PersonIdentified

PROJECTIONS = Projections(
    tables=(
        Projection("referral_subjects", "SELECT referral_id AS key, * FROM referral_subjects", (PersonIdentified,)),
        Projection(
            "story_steps",
            "SELECT event_id AS key, * FROM story_steps WHERE by IN ('registration', 'training')",
            (AppointmentProposed, EnrolmentRequested),
        ),
    ),
    not_rebuilt={
        "referrals, accompaniments": "what people decided over HTTP; events tell it to others",
        "referral_persons": "sealed words that no event holds",
    },
)
