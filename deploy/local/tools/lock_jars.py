"""Write the locks of Kafka's and Zipkin's jars again, from Maven's own resolution.

Run by hand, with Maven on the PATH, when a version below changes; the result is reviewed and committed.
Hashes are of what Maven fetched into an empty repository of its own, so that an old local copy cannot enter the lock.

    .venv/bin/python deploy/local/tools/lock_jars.py
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

LOCKS = Path(__file__).resolve().parents[1] / "src" / "maillage" / "stack"

KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.25.3"
"""Kafka brings slf4j-api 1.7 and no back end: without log4j-slf4j-impl (not -slf4j2-impl) the broker dies mute."""

ROOTS = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    ("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION),
    ("org.apache.logging.log4j", "log4j-api", LOG4J_VERSION),
)
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"

ZIPKIN_VERSION = "3.6.1"
ZIPKIN_CLASSIFIER = "slim"
"""Everything that runs is inside; the jar without classifier adds stores that a demonstration does not use."""

COLUMNS = """\
# Written by deploy/local/tools/lock_jars.py; never edited by hand.
# group artifact version[:classifier] sha256 bytes
"""
KAFKA_HEADER = (
    f"# Apache Kafka {KAFKA_VERSION} and its logging: every jar of the embedded broker, nothing else is on its"
    f" class path.\n{COLUMNS}"
)
ZIPKIN_HEADER = f"# Zipkin {ZIPKIN_VERSION}, the trace viewer: one jar with everything in it.\n{COLUMNS}"


def pom() -> str:
    """Return a project that depends on what we want."""
    dependencies = "".join(
        f"<dependency><groupId>{escape(group)}</groupId><artifactId>{escape(artifact)}</artifactId>"
        f"<version>{escape(version)}</version></dependency>"
        for group, artifact, version in ROOTS
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>fr.maillage</groupId><artifactId>jars</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def maven(folder: Path, goal: str, *properties: str) -> None:
    """Run a goal of the dependency plugin with a repository of its own."""
    subprocess.run(
        ["mvn", "-q", "-B", f"-Dmaven.repo.local={folder / 'repository'}", f"{DEPENDENCY_PLUGIN}:{goal}", *properties],
        cwd=folder,
        check=True,
        stdout=sys.stderr,
    )


def kafka_jars(folder: Path) -> list[tuple[str, str, str, Path]]:
    """Let Maven resolve and fetch; return (group, artifact, version, file)."""
    (folder / "pom.xml").write_text(pom(), encoding="utf-8")
    listing = folder / "list.txt"
    maven(folder, "list", "-DincludeScope=runtime", f"-DoutputFile={listing}", "-DoutputAbsoluteArtifactFilename=true")
    line = re.compile(r"^\s+([^:\s]+):([^:]+):jar:([^:]+):(?:compile|runtime):(\S+\.jar)", re.MULTILINE)
    found = line.findall(listing.read_text(encoding="utf-8"))
    return sorted((group, artifact, version, Path(path)) for group, artifact, version, path in found)


def zipkin_jars(folder: Path) -> list[tuple[str, str, str, Path]]:
    """Let Maven fetch; return (group, artifact, version:classifier, file)."""
    coordinates = f"io.zipkin:zipkin-server:{ZIPKIN_VERSION}:jar:{ZIPKIN_CLASSIFIER}"
    maven(folder, "copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={folder / 'zipkin'}")
    (path,) = (folder / "zipkin").glob("*.jar")
    return [("io.zipkin", "zipkin-server", f"{ZIPKIN_VERSION}:{ZIPKIN_CLASSIFIER}", path)]


def write(name: str, header: str, jars: list[tuple[str, str, str, Path]]) -> None:
    """Write one lock and say how many jars it names."""
    rows = []
    for group, artifact, version, path in jars:
        content = path.read_bytes()
        rows.append(f"{group} {artifact} {version} {hashlib.sha256(content).hexdigest()} {len(content)}\n")
    (LOCKS / name).write_text(header + "".join(rows), encoding="ascii")
    print(f"{len(rows)} jars in {name}")


def main() -> None:
    """Write both locks."""
    with tempfile.TemporaryDirectory() as folder:
        write("kafka-jars.lock", KAFKA_HEADER, kafka_jars(Path(folder)))
        write("zipkin-jars.lock", ZIPKIN_HEADER, zipkin_jars(Path(folder)))


if __name__ == "__main__":
    main()
