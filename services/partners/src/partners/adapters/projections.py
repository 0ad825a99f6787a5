"""What the topics alone rebuild here: where referrals and what goes on for them stand, whose they are, who was erased.

Streams are not a projection in that sense: a position was given out once, in the order in which events and edits of
territories met here, and organisations have read it.
"""

from __future__ import annotations

from chassis.projections import Projection, Projections
from maillage_contracts import (
    AccompanimentProposed,
    AppointmentProposed,
    EnrolmentRequested,
    PersonErased,
    PersonIdentified,
    ReferralSubmitted,
)

PROJECTIONS = Projections(
    tables=(
        Projection("known_referrals", "SELECT referral_id AS key, * FROM known_referrals", (ReferralSubmitted,)),
        Projection(
            "known_steps",
            "SELECT step_id AS key, * FROM known_steps",
            (AccompanimentProposed, AppointmentProposed, EnrolmentRequested),
        ),
        Projection(
            "known_persons",
            "SELECT referral_id AS key, * FROM known_persons",
            (PersonIdentified, AccompanimentProposed, AppointmentProposed, EnrolmentRequested),
        ),
        # Not when: that is the hour at which it was read; nor whether rows are erased: a rebuilt one has no streams.
        Projection("erased_persons", "SELECT subject_ref AS key FROM erased_persons", (PersonErased,)),
    ),
    not_rebuilt={
        "stream_events": "positions follow the order in which topics and edits of territories met, and were told",
        "told_persons": "who was told depends on the territories of that day",
    },
)
