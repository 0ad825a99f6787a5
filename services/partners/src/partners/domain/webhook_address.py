"""Where a webhook may point: a name of the public internet, over HTTPS, and every address that it resolves to.

Text is checked when it is typed; addresses are checked at each connection, and the connection goes to the address that
was checked, so that a name which resolves to something else a moment later wins nothing.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from partners.domain.errors import AddressRefused

URL_CHARACTERS_MAX: Final = 500
PORTS: Final = frozenset({443, 8443})
"""Where receivers of webhooks listen; every other port is somebody else's protocol."""

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")

_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # public in form, and the metadata of a cloud's machines
    )
)  # fmt: skip
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID, benchmarking and other special uses
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address
        "3fff::/20",
        "5f00::/16",
    )
)
# Outside 2000::/3, and so refused as well: loopback, IPv4-mapped and -compatible, NAT64 (64:ff9b::/96), ULA,
# link-local, site-local, multicast.


def is_public(text: str) -> bool:
    """Say whether an address is one of the public internet's."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _REFUSED_V6)


def is_loopback(text: str) -> bool:
    """Say whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def checked_url(text: str, *, loopback: bool) -> str:
    """Return the address as it is stored, or raise AddressRefused; `loopback` lets tests name this machine."""
    if len(text) > URL_CHARACTERS_MAX or not text.isascii() or any(c <= " " or c in '"<>\\^`{|}\x7f' for c in text):
        raise AddressRefused("url_form")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise AddressRefused("url_form") from None
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise AddressRefused("url_credentials")
    if parts.fragment or "#" in text or not host:
        raise AddressRefused("url_form")
    if loopback and (host == "localhost" or is_loopback(host)) and parts.scheme in ("http", "https"):
        return text
    if parts.scheme != "https":
        raise AddressRefused("url_not_https")
    if port is not None and port not in PORTS and not loopback:
        raise AddressRefused("url_port")
    _check_host(host)
    return text


def _check_host(host: str) -> None:
    labels = host.removesuffix(".").split(".")
    # A last label of digits is an IPv4 address in one of its spellings; a certificate names a host, not an address.
    if ":" in host or labels[-1].isdigit() or labels[-1].startswith("0x"):
        raise AddressRefused("url_address")
    if len(labels) < 2 or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("url_host")
