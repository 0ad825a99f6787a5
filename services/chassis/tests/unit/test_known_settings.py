"""A name that no part knows is refused with what was meant; those of other parts, tests and Kubernetes pass."""

from __future__ import annotations

import pytest

from chassis.errors import SettingsRefused
from chassis.known_settings import known_names, nearest, refuse_unknown, unknown_names
from chassis.settings import ServiceSettings, load

REQUIRED = {"MAILLAGE_STACK": "test", "MAILLAGE_HTTP_PORT": "1", "MAILLAGE_DATABASE_DSN": "postgresql://canary-dsn"}


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_misspelt_name_is_refused_with_the_name_that_was_meant(start: pytest.MonkeyPatch) -> None:
    start.setenv("MAILLAGE_KAFKA_BOOTSTRP", "canary-value")

    with pytest.raises(SettingsRefused) as refused:
        load(ServiceSettings)

    assert str(refused.value) == (
        "MAILLAGE_KAFKA_BOOTSTRP is no setting of Maillage (did you mean MAILLAGE_KAFKA_BOOTSTRAP?);"
        " docs/settings.md lists those that exist"
    )


def test_every_unknown_name_is_told_at_once_whatever_its_case() -> None:
    with pytest.raises(SettingsRefused, match=r"MAILLAGE_NOTHING_ALIKE is no setting of Maillage; maillage_stak is"):
        refuse_unknown(environment={"maillage_stak": "test", "MAILLAGE_NOTHING_ALIKE": "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAILLAGE_SMTP_HOST", "a part's own, in an environment that parts share"),
        ("maillage_smtp_host", "the same"),
        ("MAILLAGE_TEST_SEED", "1"),
        ("MAILLAGE_PORTAL_SERVICE_HOST", "10.0.0.1"),
        ("MAILLAGE_PORTAL_SERVICE_PORT_HTTP", "80"),
        ("MAILLAGE_DATABASE_PORT", "tcp://10.0.0.1:5432"),
        ("MAILLAGE_DATABASE_PORT_5432_TCP_ADDR", "10.0.0.1"),
        ("OTEL_SERVICE_NAME", "of other software"),
    ],
)
def test_what_other_parts_and_platforms_set_passes(name: str, value: str) -> None:
    assert unknown_names({name: value}) == []


def test_a_part_may_read_what_the_carried_names_do_not_have_yet() -> None:
    assert unknown_names({"MAILLAGE_NEW": "1"}, own=["MAILLAGE_NEW"]) == []
    assert nearest("MAILLAGE_NEWW", own=["MAILLAGE_NEW"]) == "MAILLAGE_NEW"


def test_the_chassis_carries_its_own_names() -> None:
    assert set(ServiceSettings.variables().values()) <= known_names()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"KAFKA_USERNAME": "u"},
            "MAILLAGE_KAFKA_USERNAME is not used with MAILLAGE_KAFKA_SECURITY_PROTOCOL=PLAINTEXT",
        ),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "MAILLAGE_KAFKA_USERNAME is required with"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_USERNAME": "u"},
            "MAILLAGE_KAFKA_PASSWORD_FILE is required with",
        ),
        ({"KAFKA_CA_FILE": "/ca"}, "MAILLAGE_KAFKA_CA_FILE is not used with"),
        ({"JWKS_URL": "http://keys"}, "MAILLAGE_TOKEN_ISSUER is required with MAILLAGE_JWKS_URL"),
        ({"CLIENT_SECRET_FILE": "/s"}, "MAILLAGE_CLIENT_ID is required with"),
        ({"CLIENT_SECRET_FILE": "/s", "CLIENT_ID": "c"}, "MAILLAGE_TOKEN_URL is required with"),
        ({"FAULT_POINTS": "relay.sent", "STACK": "site"}, "MAILLAGE_FAULT_POINTS is only accepted"),
        ({"HTTP_PORT": "65536"}, "MAILLAGE_HTTP_PORT: Input should be less than"),
    ],
)
def test_a_contradiction_is_refused_with_its_name_and_never_a_value(
    start: pytest.MonkeyPatch, given: dict[str, str], told: str
) -> None:
    start.setenv("MAILLAGE_KAFKA_BOOTSTRAP", "broker:9092")
    for name, value in given.items():
        start.setenv(f"MAILLAGE_{name}", value)

    with pytest.raises(SettingsRefused) as refused:
        load(ServiceSettings)

    assert str(refused.value).startswith(told)
    assert "canary" not in str(refused.value)


def test_a_service_without_kafka_shares_the_environment_of_those_that_have_it(start: pytest.MonkeyPatch) -> None:
    start.setenv("MAILLAGE_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")

    assert load(ServiceSettings).kafka_bootstrap == ""


def test_an_empty_variable_counts_as_absent(start: pytest.MonkeyPatch) -> None:
    start.setenv("MAILLAGE_KAFKA_CA_FILE", "")
    start.setenv("MAILLAGE_INBOX_DAYS", "")

    found = load(ServiceSettings)

    assert (found.kafka_ca_file, found.inbox_days) == (None, 45)
