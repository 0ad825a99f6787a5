"""Write the lock of Kafka's jars again, from Maven's own resolution.

Run by hand, with Maven on the PATH, when the version of Kafka or Log4j changes; the result is reviewed and committed.
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

LOCK = Path(__file__).resolve().parents[1] / "src" / "maillage" / "stack" / "kafka-jars.lock"

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

HEADER = f"""\
# Apache Kafka {KAFKA_VERSION} and its logging: every jar of the embedded broker, nothing else is on its class path.
# Written by deploy/local/tools/lock_jars.py; never edited by hand.
# group artifact version sha256 bytes
"""


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


def resolve(folder: Path) -> list[tuple[str, str, str, Path]]:
    """Let Maven resolve and fetch; return (group, artifact, version, file)."""
    (folder / "pom.xml").write_text(pom(), encoding="utf-8")
    listing = folder / "list.txt"
    subprocess.run(
        [
            "mvn",
            "-q",
            "-B",
            f"-Dmaven.repo.local={folder / 'repository'}",
            f"{DEPENDENCY_PLUGIN}:list",
            "-DincludeScope=runtime",
            f"-DoutputFile={listing}",
            "-DoutputAbsoluteArtifactFilename=true",
        ],
        cwd=folder,
        check=True,
        stdout=sys.stderr,
    )
    line = re.compile(r"^\s+([^:\s]+):([^:]+):jar:([^:]+):(?:compile|runtime):(\S+\.jar)", re.MULTILINE)
    found = line.findall(listing.read_text(encoding="utf-8"))
    return sorted((group, artifact, version, Path(path)) for group, artifact, version, path in found)


def main() -> None:
    """Write the lock and say how many jars it names."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for group, artifact, version, path in resolve(Path(folder)):
            content = path.read_bytes()
            rows.append(f"{group} {artifact} {version} {hashlib.sha256(content).hexdigest()} {len(content)}\n")
    LOCK.write_text(HEADER + "".join(rows), encoding="ascii")
    print(f"{len(rows)} jars in {LOCK.name}")


if __name__ == "__main__":
    main()
