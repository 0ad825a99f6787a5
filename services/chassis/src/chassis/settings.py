"""What a service process reads from its environment; refused at start when unknown to every part or contradictory.

Every variable has the prefix MAILLAGE_; an empty one counts as absent. Secrets are read from files named by a variable,
never from a default. docs/settings.md is written from these classes (`make settings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, JsonValue, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.errors import SettingsRefused
from chassis.known_settings import PREFIX, refuse_unknown

S = TypeVar("S", bound="DeclaredSettings")

SECRET_FILE: dict[str, JsonValue] = {"secret": "file"}
"""Marks, for the table of settings, a variable that names a file holding a secret."""


def unit(name: str) -> dict[str, JsonValue]:
    """Mark, for the table of settings, what a number counts."""
    return {"unit": name}


class DeclaredSettings(BaseSettings):
    """How every part of Maillage reads its environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the name of each field's variable."""
        return {name: f"{PREFIX}{name.upper()}" for name in cls.model_fields}


class BrokerSettings(DeclaredSettings):
    """How a broker is reached, by whoever does."""

    kafka_security_protocol: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How to reach the broker; PLAINTEXT only on loopback or a private network."
    )
    kafka_username: str = Field(default="", description="SCRAM-SHA-512 user at the broker.")
    kafka_password_file: Path | None = Field(
        default=None, description="File holding the password of the SCRAM-SHA-512 user.", json_schema_extra=SECRET_FILE
    )
    kafka_ca_file: Path | None = Field(
        default=None, description="CA certificates for SASL_SSL; the system's when not set."
    )
    kafka_replication: int = Field(
        default=1,
        ge=1,
        le=5,
        description="Replicas of the topics that are created.",
        json_schema_extra=unit("replicas"),
    )

    def contradiction(self) -> str | None:
        """Return what is contradictory in how the broker is to be reached, or None."""
        protocol = self.kafka_security_protocol
        account = {
            "MAILLAGE_KAFKA_USERNAME": self.kafka_username,
            "MAILLAGE_KAFKA_PASSWORD_FILE": self.kafka_password_file,
        }
        given = [name for name, value in account.items() if value]
        missing = [name for name, value in account.items() if not value]
        if protocol == "PLAINTEXT" and given:
            return f"{given[0]} is not used with MAILLAGE_KAFKA_SECURITY_PROTOCOL=PLAINTEXT: choose a SASL protocol"
        if protocol != "PLAINTEXT" and missing:
            return f"{missing[0]} is required with MAILLAGE_KAFKA_SECURITY_PROTOCOL={protocol}"
        if self.kafka_ca_file is not None and protocol != "SASL_SSL":
            return f"MAILLAGE_KAFKA_CA_FILE is not used with MAILLAGE_KAFKA_SECURITY_PROTOCOL={protocol}"
        return None


class ServiceSettings(BrokerSettings):
    """Settings every service shares; a service adds its own in a subclass."""

    stack: Literal["embedded", "test", "site"] = Field(description="Where this runs; demonstrations refuse `site`.")
    instance: str = Field(default="0", description="Name of this replica, stable over restarts (static membership).")
    http_host: str = Field(default="127.0.0.1", description="Address the HTTP server listens on.")
    http_port: int = Field(ge=0, le=65535, description="Port the HTTP server listens on; 0 takes a free one.")
    database_dsn: SecretStr = Field(description="This service's own PostgreSQL database, as its own role.")
    database_pool_size: int = Field(
        default=8,
        ge=2,
        le=64,
        description="Connections for HTTP; consumers and timers have their own.",
        json_schema_extra=unit("connections"),
    )
    http_in_progress_max: int = Field(
        default=256,
        ge=1,
        le=10_000,
        description="Requests in progress at once; more are told to come back.",
        json_schema_extra=unit("requests"),
    )
    kafka_bootstrap: str = Field(
        default="", description="host:port list of the brokers; empty for a service without Kafka."
    )
    jwks_url: str = Field(default="", description="Where the keys that sign access tokens are published.")
    token_url: str = Field(default="", description="Where this service obtains its own access token.")
    token_issuer: str = Field(default="", description="The `iss` that access tokens must carry.")
    client_id: str = Field(default="", description="This service's own API client.")
    client_secret_file: Path | None = Field(
        default=None, description="File holding the secret of this service's API client.", json_schema_extra=SECRET_FILE
    )
    master_key_file: Path | None = Field(
        default=None,
        description="32 random bytes in base64: wraps the keys of persons; kept outside the database. "
        "Needed by the services that keep personal data.",
        json_schema_extra=SECRET_FILE,
    )
    inbox_days: int = Field(
        default=45, ge=1, le=3650, description="Days for which a consumer remembers what it has handled."
    )
    replay_days: int = Field(
        default=7, ge=0, le=365, description="The longest that a replay, or a restored backup, may lie behind."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe line kept."
    )
    fault_points: str = Field(default="", description="Tests only: points at which this process kills itself.")
    clock_file: Path | None = Field(
        default=None, description="Tests only: file of the seconds by which this process's clock is ahead."
    )
    trace_ratio: float = Field(
        default=1.0, ge=0, le=1, description="Share of traces recorded.", json_schema_extra=unit("share")
    )

    @model_validator(mode="after")
    def _no_faults_outside_tests(self) -> Self:
        if self.fault_points and self.stack != "test":
            raise ValueError("MAILLAGE_FAULT_POINTS is only accepted with MAILLAGE_STACK=test")
        return self

    @model_validator(mode="after")
    def _no_other_time_outside_tests(self) -> Self:
        if self.clock_file is not None and self.stack != "test":
            raise ValueError("MAILLAGE_CLOCK_FILE is only accepted with MAILLAGE_STACK=test")
        return self

    @model_validator(mode="after")
    def _one_way_to_the_broker(self) -> Self:
        # A service without Kafka shares the environment of those that have it.
        if self.kafka_bootstrap and (fault := self.contradiction()):
            raise ValueError(fault)
        return self

    @model_validator(mode="after")
    def _tokens_of_somebody(self) -> Self:
        if self.jwks_url and not self.token_issuer:
            raise ValueError("MAILLAGE_TOKEN_ISSUER is required with MAILLAGE_JWKS_URL: whose tokens are accepted")
        if self.client_secret_file is not None and not (self.client_id and self.token_url):
            missing = "MAILLAGE_CLIENT_ID" if not self.client_id else "MAILLAGE_TOKEN_URL"
            raise ValueError(f"{missing} is required with MAILLAGE_CLIENT_SECRET_FILE")
        return self


def load(kind: type[S], values: Mapping[str, str] | None = None) -> S:
    """Read settings from the environment, or raise SettingsRefused naming each variable at fault, never its value.

    `values`, by the variables' names, win over the environment; what `kind` does not read of them is left out.
    """
    variables = kind.variables()
    refuse_unknown(variables.values())
    refuse_unknown(variables.values(), values or {})
    try:
        given: dict[str, Any] = {name: values[key] for name, key in variables.items() if values and values.get(key)}
        return kind(**given)
    except ValidationError as error:
        raise SettingsRefused(faults_of(error)) from None


def faults_of(error: ValidationError) -> str:
    """Return each variable at fault and what is wrong with it, never its value."""
    return "; ".join(
        f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}"
        if fault["loc"]
        else fault["msg"].removeprefix("Value error, ")
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    )


def read_secret(path: Path | None, variable: str) -> str:
    """Return the content of a secret's file without surrounding blanks, or raise SettingsRefused naming `variable`."""
    if path is None:
        raise SettingsRefused(f"{variable} is not set: name the file that holds the secret")
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsRefused(f"{variable}: cannot read {path} ({error.strerror})") from None
