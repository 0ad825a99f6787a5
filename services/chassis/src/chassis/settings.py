"""What a service process reads from its environment; refused at start when contradictory.

Every variable has the prefix MAILLAGE_. Secrets are read from files named by a variable, never from a default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.errors import SettingsRefused

PREFIX = "MAILLAGE_"
S = TypeVar("S", bound="ServiceSettings")


class ServiceSettings(BaseSettings):
    """Settings every service shares; a service adds its own in a subclass."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    stack: Literal["embedded", "test", "site"] = Field(description="Where this runs; demonstrations refuse `site`.")
    instance: str = Field(default="0", description="Name of this replica, stable over restarts (static membership).")
    http_host: str = Field(default="127.0.0.1", description="Address the HTTP server listens on.")
    http_port: int = Field(description="Port the HTTP server listens on.")
    database_dsn: SecretStr = Field(description="This service's own PostgreSQL database.")
    database_pool_size: int = Field(default=8, ge=2, le=64, description="Connections for HTTP.")
    http_in_progress_max: int = Field(
        default=256, ge=1, le=10_000, description="Requests in progress at once; more are told to come back."
    )
    kafka_bootstrap: str = Field(
        default="", description="host:port list of the brokers; empty for a service without Kafka."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="PLAINTEXT only on loopback or a private network."
    )
    kafka_username: str = Field(default="", description="SCRAM-SHA-512 user.")
    kafka_password_file: Path | None = Field(default=None, description="File holding that user's password.")
    kafka_ca_file: Path | None = Field(default=None, description="CA certificates for SASL_SSL.")
    kafka_replication: int = Field(default=1, ge=1, le=5, description="Replicas of the topics that are created.")
    jwks_url: str = Field(default="", description="Where the keys that sign access tokens are published.")
    token_url: str = Field(default="", description="Where this service obtains its own access token.")
    token_issuer: str = Field(default="", description="The `iss` that access tokens must carry.")
    client_id: str = Field(default="", description="This service's own API client.")
    client_secret_file: Path | None = Field(default=None, description="File holding that client's secret.")
    master_key_file: Path | None = Field(
        default=None, description="32 random bytes in base64: wraps the keys of persons; kept outside the database."
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
    trace_ratio: float = Field(default=1.0, ge=0, le=1, description="Share of traces recorded.")

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


def load(kind: type[S]) -> S:
    """Read settings from the environment, or raise SettingsRefused naming each variable at fault, never its value."""
    try:
        return kind()
    except ValidationError as error:
        faults = "; ".join(
            f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" if fault["loc"] else fault["msg"]
            for fault in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise SettingsRefused(faults) from None


def read_secret(path: Path | None, variable: str) -> str:
    """Return the content of a secret's file without surrounding blanks, or raise SettingsRefused naming `variable`."""
    if path is None:
        raise SettingsRefused(f"{variable} is not set: name the file that holds the secret")
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsRefused(f"{variable}: cannot read {path} ({error.strerror})") from None
