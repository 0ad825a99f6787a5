"""The compose file as the compose program reads it: valid with every profile, on loopback, without secrets."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.containers.composed import IMAGES, WITHOUT_MAILPIT, configuration

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.usefixtures("compose_program")]

VARIANTS = {
    "default": [],
    "without-mailpit": ["-f", "docker-compose.yml", "-f", WITHOUT_MAILPIT],
    **{name: ["--env-file", f"deploy/compose/{name}.env"] for name in ("brokers", "observability")},
}
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY")


@pytest.fixture(params=VARIANTS)
def found(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the configuration of one variant."""
    return configuration(VARIANTS[request.param])


@pytest.mark.parametrize(("variant", "others"), [("default", {"axllent/mailpit:v1.27.11"}), ("without-mailpit", set())])
def test_plain_up_needs_official_images_and_ours(variant: str, others: set[str]) -> None:
    names = {one["image"] for one in configuration(VARIANTS[variant])["services"].values()}

    assert names == {"postgres:18", "apache/kafka:4.3.1", *others, *(f"maillage/{name}:0.1.0" for name in IMAGES)}


def test_every_port_is_on_loopback(found: dict[str, Any]) -> None:
    ports = [port for one in found["services"].values() for port in one.get("ports", ())]

    assert ports
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_every_container_has_a_limit_of_memory_and_an_exact_image(found: dict[str, Any]) -> None:
    for name, one in found["services"].items():
        assert int(one["mem_limit"]) > 0, name
        assert re.fullmatch(r"[^:]+:v?\d[\w.]*", one["image"]), name
        assert "no-new-privileges:true" in one.get("security_opt", ()) or one["image"] == "postgres:18", name


def test_secrets_are_files_never_values(found: dict[str, Any]) -> None:
    for name, one in found["services"].items():
        for variable, value in (one.get("environment") or {}).items():
            if SECRET.search(variable) and value:
                assert variable.endswith(("_FILE", "_URL", "_ISSUER")), f"{name}: {variable}"
            assert not re.search(r"://[^/@:]*:[^@/]+@", str(value)), f"{name}: {variable}"


def test_each_service_is_given_its_own_secrets_only(compose_program: None) -> None:
    for name, one in configuration()["services"].items():
        if name in IMAGES:
            mounted = [v["volume"]["subpath"] for v in one["volumes"] if v["source"] == "secrets"]
            assert mounted == [f"shares/{name}"]


def test_three_brokers_keep_three_copies_and_ask_for_two(compose_program: None) -> None:
    services = configuration(VARIANTS["brokers"])["services"]

    for name in ("kafka", "kafka-2", "kafka-3"):
        environment = services[name]["environment"]
        assert environment["KAFKA_MIN_INSYNC_REPLICAS"] == "2"
        assert environment["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == "3"
        assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].count("@") == 3
    assert services["topics"]["environment"]["MAILLAGE_KAFKA_REPLICATION"] == "3"
