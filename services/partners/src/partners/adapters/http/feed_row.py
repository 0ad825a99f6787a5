"""One event of a stream as a CloudEvents JSON object; its data are the stored bytes, never decoded on the way."""

from __future__ import annotations

import json

from maillage_contracts.envelope import CONTENT_TYPE_BINARY
from partners.app.ports import FeedRow

_PREFIX = "ce_"


def attributes(row: FeedRow) -> dict[str, str]:
    """Return the CloudEvents attributes of a stored event, with its position as extension `sequence`."""
    found = {
        name.removeprefix(_PREFIX): text for name, text in json.loads(row.headers).items() if name.startswith(_PREFIX)
    }
    return found | {"datacontenttype": CONTENT_TYPE_BINARY, "sequence": str(row.position)}


def structured(row: FeedRow) -> bytes:
    """Return one stored event as a CloudEvents JSON object."""
    return json.dumps(attributes(row), separators=(",", ":")).encode()[:-1] + b',"data":' + row.payload + b"}"
