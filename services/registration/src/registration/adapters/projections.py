"""What the topics alone rebuild here: accompaniments as they were told, and who learnt of the person by them.

Persons are none: who they are was asked of referrals, over HTTP, and sealed under keys that exist once. Replays are
given their references and states, without a name, so that what refers to them has something to refer to.
"""

from __future__ import annotations

from chassis.projections import Projection, Projections
from maillage_contracts import AccompanimentProposed, EnrolmentConfirmed

# A placeholder where the table wants a key: nothing that is sealed is copied.
PERSONS = """
SELECT subject_ref, version, state, CASE WHEN state <> 'erased' THEN '\\x00'::bytea END AS wrapped_key,
    NULL::bytea AS identity, NULL::bytea AS contact, NULL::bytea AS lookup, created_at, changed_at,
    NULL::bytea[] AS contact_points
FROM persons
"""
# Of somebody erased since, nothing is kept when it is heard again; what was kept before need not be the same.
KNOWN = """
SELECT accompaniment_id AS key, k.* FROM known_accompaniments k JOIN persons p USING (subject_ref)
WHERE p.state <> 'erased'
"""
SHARINGS = """
SELECT what || source_id AS key, s.* FROM sharings s JOIN persons p USING (subject_ref)
WHERE p.state <> 'erased' AND what <> 'referral'
"""

PROJECTIONS = Projections(
    tables=(
        Projection("known_accompaniments", KNOWN, (AccompanimentProposed,)),
        Projection("sharings", SHARINGS, (AccompanimentProposed, EnrolmentConfirmed)),
    ),
    seeds={"persons": PERSONS},
    not_rebuilt={
        "persons, identifications": "who they are is asked of referrals, and sealed under keys that exist once",
        "tiers": "their versions and dates are those of the hour; two accompaniments may be read in either order",
        "appointments": "what people decided over HTTP",
        "sharings of referrals": "noted with the identification, which asks referrals",
    },
)
