"""Read your feed with maillage-contracts, and resume: python feed.py [--once]. Needs "maillage-contracts[feed]"."""

import os
import sys
from pathlib import Path

from maillage_contracts.feed import Feed

with Feed(
    os.environ["MAILLAGE_URL"],
    client_id=os.environ["MAILLAGE_CLIENT_ID"],
    client_secret=os.environ["MAILLAGE_CLIENT_SECRET"],
    state=Path(os.environ.get("MAILLAGE_STATE", "maillage-state")),
) as feed:
    once = "--once" in sys.argv
    for received in feed.until_now() if once else feed:
        # Here comes your own work; received.decoded is None for a type newer than your package.
        print(received.sequence, received.id, received.type, flush=True)
    if once:
        for checked in feed.verify():
            if not checked:
                sys.exit(f"{checked.day.day}: missing {checked.missing}")
