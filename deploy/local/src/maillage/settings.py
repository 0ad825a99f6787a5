"""What a person may change about a local run, all by environment variables with the prefix MAILLAGE_.

Nothing here is secret by default: secrets are generated once into the data folder (`maillage.secrets`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from chassis import settings as declared
from chassis.errors import SettingsRefused
from chassis.known_settings import PREFIX
from chassis.partner_listener import PartnerListenerSettings
from chassis.settings import SECRET_FILE, BrokerSettings
from maillage.errors import Refusal
from maillage.secrets import SERVICE_NAMES

OWN_DATABASE = "This service's own database, where it is not made by the administrator of MAILLAGE_POSTGRES_DSN."
ELSEWHERE = "Where this service of a site or of compose answers; `doctor` and `status` then look there."


def default_data_dir(start: Path | None = None) -> Path:
    """Return `.maillage` beside the nearest checkout above `start`, or in `start` itself outside a checkout."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / ".maillage").is_dir() or (folder / "deploy" / "local" / "pyproject.toml").is_file():
            return folder / ".maillage"
    return here / ".maillage"


class LocalSettings(BrokerSettings, PartnerListenerSettings):
    """Where things are and on which ports they listen."""

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of data, logs and secrets; `.maillage` beside the checkout when not set.",
    )
    stack: Literal["embedded", "test", "site"] = Field(
        default="embedded",
        description="`site` refuses the demonstration and its login; the default where a server elsewhere is named.",
    )
    run_by: Literal["maillage", "compose"] = Field(
        default="maillage",
        description="Who runs the parts: with `compose`, remedies name its commands instead of this one's.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address the services listen on.")
    portal_port: int = Field(default=8000, ge=1, le=65535, description="Where `portal` listens.")
    registration_port: int = Field(default=8001, ge=1, le=65535, description="Where `registration` listens.")
    referrals_port: int = Field(default=8002, ge=1, le=65535, description="Where `referrals` listens.")
    training_port: int = Field(default=8003, ge=1, le=65535, description="Where `training` listens.")
    notifications_port: int = Field(default=8004, ge=1, le=65535, description="Where `notifications` listens.")
    partners_port: int = Field(default=8005, ge=1, le=65535, description="Where `partners` listens.")
    postgres_port: int = Field(default=5433, ge=1, le=65535, description="The embedded PostgreSQL.")
    kafka_port: int = Field(default=9092, ge=1, le=65535, description="The embedded broker, for the services.")
    kafka_controller_port: int = Field(
        default=9093, ge=1, le=65535, description="The controller of the embedded broker."
    )
    kafka_partner_port: int = Field(
        default=9094, ge=1, le=65535, description="The SCRAM listener of the embedded broker, for partners."
    )
    desk_port: int = Field(default=8010, ge=1, le=65535, description="Pages of mails and SMS, intake of spans.")
    smtp_port: int = Field(
        default=2525, ge=1, le=65535, description="The mail catcher, or the port of MAILLAGE_SMTP_HOST."
    )
    zipkin_port: int = Field(default=9411, ge=1, le=65535, description="The trace viewer.")
    zipkin: Literal["on", "off"] = Field(default="on", description="Whether to start the trace viewer.")

    postgres_dsn: SecretStr | None = Field(
        default=None,
        description="An administrator's, who may create databases and roles; replaces the embedded PostgreSQL.",
    )
    registration_database_dsn: SecretStr | None = Field(default=None, description=OWN_DATABASE)
    referrals_database_dsn: SecretStr | None = Field(default=None, description=OWN_DATABASE)
    training_database_dsn: SecretStr | None = Field(default=None, description=OWN_DATABASE)
    notifications_database_dsn: SecretStr | None = Field(default=None, description=OWN_DATABASE)
    partners_database_dsn: SecretStr | None = Field(default=None, description=OWN_DATABASE)
    portal_database_dsn: SecretStr | None = Field(default=None, description=OWN_DATABASE)
    replay_database_dsn: SecretStr | None = Field(
        default=None, description="An empty database for `maillage replay`, where the command may not create one."
    )

    registration_url: str = Field(default="", description=ELSEWHERE)
    referrals_url: str = Field(default="", description=ELSEWHERE)
    training_url: str = Field(default="", description=ELSEWHERE)
    notifications_url: str = Field(default="", description=ELSEWHERE)
    partners_url: str = Field(default="", description=ELSEWHERE)
    portal_url: str = Field(default="", description=ELSEWHERE)
    operator_client_id: str = Field(default="operator", description="An operator's API client, of scope operations.")
    operator_secret_file: Path | None = Field(
        default=None,
        description="File holding the operator's secret; of this run by default.",
        json_schema_extra=SECRET_FILE,
    )

    kafka_bootstrap: str = Field(default="", description="host:port list; replaces the embedded broker.")
    kafka_partner_inside: str = Field(
        default="", description="Where the demonstration reads partners' topics, if not where partners are told."
    )
    desk_address: str = Field(default="", description="Base address of a desk in another container.")
    smtp_host: str = Field(default="", description="A mail server elsewhere; replaces the catcher.")
    sms_url: str = Field(default="", description="A provider of text messages elsewhere; replaces the simulator.")
    sms_token_file: Path | None = Field(
        default=None, description="File holding that provider's token.", json_schema_extra=SECRET_FILE
    )
    quiet_hours: Literal["", "on", "off"] = Field(
        default="", description="Whether notices wait for the day; off in a demonstration, which is seen at any hour."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe line kept."
    )
    clock_file: Path | None = Field(
        default=None, description="Tests only: file of the seconds by which every clock is ahead."
    )

    @model_validator(mode="before")
    @classmethod
    def _servers_of_a_site_make_a_site(cls, values: dict[str, Any]) -> dict[str, Any]:
        # A broker or a database elsewhere may hold real people: no demonstration there unless somebody says so.
        databases = (name for name in values if name.endswith("_database_dsn") and not name.startswith("replay"))
        elsewhere = ("postgres_dsn", "kafka_bootstrap", *databases)
        if not values.get("stack") and any(values.get(name) for name in elsewhere):
            return {**values, "stack": "site"}
        return values

    @model_validator(mode="after")
    def _no_other_time_outside_tests(self) -> Self:
        if self.clock_file is not None and self.stack != "test":
            raise ValueError("MAILLAGE_CLOCK_FILE n'est accepté qu'avec MAILLAGE_STACK=test · only accepted in tests")
        return self

    @model_validator(mode="after")
    def _one_way_to_the_broker(self) -> Self:
        if self.kafka_bootstrap:
            if fault := self.contradiction():
                raise ValueError(fault)
            return self
        for name in ("kafka_username", "kafka_password_file", "kafka_ca_file"):
            if getattr(self, name):
                raise ValueError(f"{PREFIX}{name.upper()} is not used without MAILLAGE_KAFKA_BOOTSTRAP")
        if self.kafka_security_protocol != "PLAINTEXT":
            raise ValueError("MAILLAGE_KAFKA_SECURITY_PROTOCOL is not used without MAILLAGE_KAFKA_BOOTSTRAP")
        return self

    @model_validator(mode="after")
    def _one_way_for_partners(self) -> Self:
        if fault := self.partner_contradiction(self.stack):
            raise ValueError(fault)
        return self

    @property
    def has_desk(self) -> bool:
        """Tell whether this run has a desk: never on a site, where messages are people's and must leave."""
        return self.stack != "site"

    @property
    def desk_url(self) -> str:
        return f"http://127.0.0.1:{self.desk_port}"

    @property
    def desk_inside(self) -> str:
        """Return where the desk answers this command; people are told `desk_url`."""
        return self.desk_address.rstrip("/") or self.desk_url

    @property
    def zipkin_url(self) -> str:
        return f"http://127.0.0.1:{self.zipkin_port}"

    @property
    def has_zipkin(self) -> bool:
        """Tell whether this run wants the trace viewer; the desk feeds it, so there is none without."""
        return self.has_desk and self.zipkin == "on"

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @property
    def logs_dir(self) -> Path:
        return self.data_dir / "logs"

    @property
    def secrets_dir(self) -> Path:
        return self.data_dir / "secrets"

    def port_of(self, service: str) -> int:
        """Return the HTTP port of a service."""
        port: int = getattr(self, f"{service}_port")
        return port

    def url_of(self, service: str) -> str:
        """Return where a service answers on this machine."""
        host = "127.0.0.1" if self.http_host in {"0.0.0.0", "::"} else self.http_host  # noqa: S104 (compared, not bound)
        return f"http://{host}:{self.port_of(service)}"

    def operations_url_of(self, service: str) -> str:
        """Return where a service answers operators: on this machine, unless the settings name a site's."""
        named: str = getattr(self, f"{service}_url")
        return named.rstrip("/") or self.url_of(service)

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """The services that the settings name by their addresses; none where this machine's own are meant."""
        return tuple(service for service in SERVICE_NAMES if getattr(self, f"{service}_url"))

    def own_database_of(self, service: str) -> str | None:
        """Return the DSN set for one service alone, if any."""
        dsn: SecretStr | None = getattr(self, f"{service}_database_dsn")
        return dsn.get_secret_value() if dsn else None


def load(values: Mapping[str, str] | None = None) -> LocalSettings:
    """Read the environment, or refuse naming each variable at fault, never its value; `values` win over it."""
    try:
        settings = declared.load(LocalSettings, values)
    except SettingsRefused as error:
        raise Refusal(f"Réglage refusé · setting refused: {error}", "corrigez la variable d'environnement") from None
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().resolve()})
