"""One event of a stream as a CloudEvents JSON object; its data are the stored bytes, never decoded on the way.

A page holds five hundred of them, so that the time of reading a stream again is mostly spent here.
"""

from __future__ import annotations

from pydantic_core import from_json, to_json

from maillage_contracts.envelope import CONTENT_TYPE_BINARY
from partners.app.ports import FeedRow

_PREFIX = "ce_"
_NAME = slice(len(_PREFIX), None)


def attributes(row: FeedRow) -> dict[str, str]:
    """Return the CloudEvents attributes of a stored event, with its position as extension `sequence`."""
    found = {name[_NAME]: text for name, text in from_json(row.headers).items() if name.startswith(_PREFIX)}
    found["datacontenttype"] = CONTENT_TYPE_BINARY
    found["sequence"] = str(row.position)
    return found


def structured(row: FeedRow) -> bytes:
    """Return one stored event as a CloudEvents JSON object."""
    return to_json(attributes(row))[:-1] + b',"data":' + row.payload + b"}"
