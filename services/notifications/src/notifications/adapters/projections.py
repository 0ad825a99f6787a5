"""What the topics alone rebuild here: nothing but the directory.

A notice is a decision of its hour (courtesy, the templates of that day, what was told before), and sending it is not
undone; opt-outs are what people asked for over HTTP.
"""

from __future__ import annotations

from chassis.projections import Projections

PROJECTIONS = Projections(
    not_rebuilt={
        "notices, deliveries": "decided at their hour, with the templates of that day; sending is not undone",
        "opt_outs": "what people asked for over HTTP",
    }
)
