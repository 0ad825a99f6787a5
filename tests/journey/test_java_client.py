"""The settings that the page of commands writes for Java are read by Apache Kafka's own client, as a partner has it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from maillage.stack.jars import JarSources, ensure_jars
from maillage.testing.acts import newcomer
from maillage.testing.running import RunningStack
from portal.adapters.http.commands import commands
from portal.domain.joining import KafkaAccess, ProgramAccess

READER = """
import java.io.FileReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Reader {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.load(new FileReader(arguments[0]));
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(arguments[1]));
            for (int looks = 0; looks < 60; looks++) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    var id = record.headers().lastHeader("ce_id").value();
                    System.out.println(new String(id, StandardCharsets.UTF_8));
                    return;
                }
            }
        }
    }
}
"""


@pytest.mark.long
def test_java_reads_the_first_event_with_the_file_of_the_page(stack: RunningStack, tmp_path: Path) -> None:
    if shutil.which("javac") is None:
        pytest.skip("JAVAC EST ABSENT : ce que Java lit n'est pas vérifié · javac is absent: Java is not checked")
    joined = newcomer(stack, sandbox=True)
    given = joined.credentials
    kafka = KafkaAccess(
        *(given["kafka"][name] for name in ("bootstrap", "topic", "username", "password", "security_protocol"))
    )
    access = ProgramAccess(
        given["client_id"], given["organisation_code"], given["token_url"], given["feed_url"],
        client_secret=given["client_secret"], kafka=kafka,
    )  # fmt: skip
    blocks = {one.name: one.text for one in commands(access, "http://portal.example/package")}
    (tmp_path / "Reader.java").write_text(READER, encoding="utf-8")
    jars = [str(path) for path in ensure_jars(JarSources.from_environment(), print) if "zipkin" not in path.name]
    run = f"exec java -cp '{os.pathsep.join(jars)}' Reader.java maillage-kafka.properties {kafka.topic}"

    read = subprocess.run(
        ["sh", "-eu", "-c", "\n".join((blocks["keep"], blocks["properties"], run))],
        cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip

    assert read.stdout.split() == [joined.event["id"]]
    assert (tmp_path / "maillage-kafka.properties").stat().st_mode & 0o077 == 0
