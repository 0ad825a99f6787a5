"""Where the embedded broker and the trace viewer find their programs, when not in Maven Central."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from chassis.settings import DeclaredSettings, unit


class JarSettings(DeclaredSettings):
    """Read by whatever starts Kafka or Zipkin: the `maillage` command, the tests, the bench."""

    kafka_home: Path | None = Field(default=None, description="An unpacked Apache Kafka; wins over the jars.")
    jars_dir: Path | None = Field(default=None, description="Folder of Kafka's and Zipkin's jars; nothing is fetched.")
    maven_mirror: str = Field(
        default="", description="A Maven repository, instead of Maven Central.", json_schema_extra=unit("URL")
    )
