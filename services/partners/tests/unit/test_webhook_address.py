"""Where webhooks may point: the rules on text and on addresses, and connections that go nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.clock import SystemClock
from chassis.testing.receivers import Receiver, Seen, answer, receiving
from partners.adapters.webhooks.sender import HttpSender
from partners.app.webhook_ports import Message
from partners.domain.errors import AddressRefused
from partners.domain.webhook import new_secret
from partners.domain.webhook_address import checked_url, is_public

REFUSED = (
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "192.88.99.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "168.63.129.16", "203.0.113.5",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2002:7f00:1::1",
    "2001::1", "2001:db8::1", "100::1", "not an address", "",
)  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_address_is_refused_when_it_is_not_the_public_internets(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2a01:e0a::1", "2606:4700::1111"])
def test_address_of_the_public_internet_is_accepted(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.org/", "url_not_https"),
        ("https://user:pass@hooks.example.org/", "url_credentials"),
        ("https://user@hooks.example.org/", "url_credentials"),
        ("https://hooks.example.org:22/", "url_port"),
        ("https://hooks.example.org:99999/", "url_form"),
        ("https://hooks.example.org/#part", "url_form"),
        ("https://hooks.example.org/ x", "url_form"),
        ("https://hooks.example.org/\r\nx: y", "url_form"),
        ("https://hooks.exämple.org/", "url_form"),
        ("https:///path", "url_form"),
        ("https://10.0.0.1/", "url_address"),
        ("https://2130706433/", "url_address"),
        ("https://0x7f.0.0.0x1/", "url_address"),
        ("https://127.1/", "url_address"),
        ("https://[::1]/", "url_address"),
        ("https://localhost/", "url_host"),
        ("https://-x.example.org/", "url_host"),
        ("https://hooks..org/", "url_host"),
        ("file:///etc/passwd", "url_form"),
        ("gopher://hooks.example.org/", "url_not_https"),
        ("https://hooks.example.org/" + "x" * 500, "url_form"),
    ],
)
def test_url_is_refused_by_its_rule(url: str, why: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        checked_url(url, loopback=False)

    assert caught.value.why == why


@pytest.mark.parametrize("url", ["https://hooks.example.org/a?b=c", "https://xn--mnchen-3ya.example.org:8443/"])
def test_url_of_a_public_name_is_kept_as_it_is(url: str) -> None:
    assert checked_url(url, loopback=False) == url


class Names:
    """A resolver that says something else each time."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


async def posted(names: Names, receiver: Receiver, *, loopback: bool) -> str:
    sender = HttpSender(loopback=loopback, resolver=names, deadline_seconds=5)
    url = f"http://hooks.example.org:{receiver.port}/"
    said, _ = await sender.post(url, [new_secret()], Message("one", b"{}"))
    await sender.close()
    return said.outcome


async def close_after(_: Receiver, __: Seen) -> bytes:
    return answer(204, b"", "connection: close")


async def test_name_that_resolves_inside_is_never_connected_to() -> None:
    async with receiving(close_after) as receiver:
        for addresses in (["127.0.0.1"], ["::ffff:127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["10.0.0.1"], []):
            assert await posted(Names(addresses), receiver, loopback=False) == "address", addresses
        assert await posted(Names(["10.0.0.1"]), receiver, loopback=True) == "address"
        assert receiver.requests == []


async def test_connection_goes_to_the_address_that_was_checked_and_rebinding_wins_nothing() -> None:
    # The first look-up says an address that may be; every later one says one that may not.
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    sender = HttpSender(loopback=True, resolver=names, deadline_seconds=5)
    async with receiving(close_after) as receiver:
        url = f"http://hooks.example.org:{receiver.port}/"
        first, _ = await sender.post(url, [new_secret()], Message("one", b"{}"))
        second, _ = await sender.post(url, [new_secret()], Message("two", b"{}"))

    assert (first.outcome, second.outcome, names.asked) == ("delivered", "address", 2)
    assert len(receiver.requests) == 1
    assert receiver.requests[0].headers["host"].startswith("hooks.example.org")
    await sender.close()


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context with a certificate for `name`, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(text + certificate.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=certificate.public_bytes(Encoding.PEM).decode())


async def test_certificate_must_be_trusted_and_name_the_host_though_we_connect_to_an_address(tmp_path: Path) -> None:
    for name, trusts, outcome in (
        ("hooks.example.org", True, "delivered"), ("other.example.org", True, "tls"),
        ("hooks.example.org", False, "tls"),
    ):  # fmt: skip
        server, client = certificate_for(name, tmp_path)
        sender = HttpSender(loopback=True, resolver=Names(["127.0.0.1"]), trusted=client if trusts else None)
        async with receiving(close_after, server) as receiver:
            url = f"https://hooks.example.org:{receiver.port}/"
            said, _ = await sender.post(url, [new_secret()], Message("one", b"{}"))
        await sender.close()
        assert said.outcome == outcome, name
