"""The dashboard asks for what services expose, and Prometheus asks the services where compose has them."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from maillage.testing.running import RunningStack

TOP = Path(__file__).resolve().parents[2]
DASHBOARD = TOP / "deploy" / "compose" / "grafana" / "dashboards" / "maillage.json"
SERVICES = ("registration", "referrals", "training", "notifications", "partners", "portal")
NAME = re.compile(r"\b(?!by\b|sum\b|rate\b)([a-z][a-z0-9_]*)(?=\{|\[|\)|$)")
SAMPLE = re.compile(r"^([a-z_0-9]+)(?:\{([^}]*)\})? ", re.MULTILINE)


def expressions() -> list[tuple[str, str]]:
    """Return every panel's title and query."""
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", ())]


def lost(written: Any, understood: Any, where: str = "dashboard") -> Iterator[str]:
    """Name every field that is not there, or not the same, in what was understood of a document."""
    if isinstance(written, dict) and isinstance(understood, dict):
        for name, value in written.items():
            yield from lost(value, understood.get(name), f"{where}.{name}")
    elif isinstance(written, list) and isinstance(understood, list) and len(written) == len(understood):
        for number, (one, other) in enumerate(zip(written, understood, strict=True)):
            yield from lost(one, other, f"{where}[{number}]")
    elif written != understood:
        yield where


def test_grafanas_own_model_of_a_dashboard_knows_every_field_of_ours() -> None:
    with warnings.catch_warnings():
        # Of dashboards' first form, which ours has and every Grafana reads; the library would rather have the second.
        warnings.simplefilter("ignore", DeprecationWarning)
        from grafana_foundation_sdk.models.dashboard import Dashboard

        plugins.register_default_plugins()
    written = json.loads(DASHBOARD.read_text("utf-8"))

    understood = json.loads(JSONEncoder().encode(Dashboard.from_json(written)))

    assert list(lost(written, understood)) == []


def test_every_metric_and_label_of_the_dashboard_is_one_that_a_service_exposes(stack: RunningStack) -> None:
    exposed: dict[str, set[str]] = {}
    for service in SERVICES:
        text = httpx.get(f"{stack.url(service)}/metrics", timeout=10, trust_env=False).text
        for name, labels in SAMPLE.findall(text):
            exposed.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))

    assert expressions()
    for title, expression in expressions():
        by = {label for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(", ")}
        names = NAME.findall(re.sub(r"by \([^)]*\)", "", expression))
        assert names, f"{title}: no metric in {expression}"
        for name in names:
            assert name in exposed, f"{title}: no service exposes {name}"
            # Prometheus itself adds `service`, see prometheus.yml.
            assert by - {"service"} <= exposed[name], f"{title}: {name} has no such label"


def test_every_place_that_prometheus_and_the_collector_ask_is_one_of_compose() -> None:
    compose = (TOP / "docker-compose.yml").read_text("utf-8")
    # A service's block reaches to the next line that is indented by two.
    blocks = dict(re.findall(r"^  ([a-z0-9-]+):\n((?:(?: {3,}.*|)\n)+)", compose, re.MULTILINE))
    listening = {name: re.search(r'MAILLAGE_HTTP_PORT: "(\d+)"', blocks[name]) for name in SERVICES}
    scraped = (TOP / "deploy" / "compose" / "prometheus.yml").read_text("utf-8")
    (targets,) = re.findall(r"targets: \[(.*)\]", scraped)
    sent = (TOP / "deploy" / "compose" / "collector.yaml").read_text("utf-8")
    asked = [(TOP / "deploy/compose/grafana/provisioning/datasources/maillage.yaml").read_text("utf-8"), sent]

    assert {*targets.split(", ")} == {f"{name}:{found[1]}" for name, found in listening.items() if found}
    assert len(targets.split(", ")) == len(SERVICES)
    assert "target_label: service" in scraped
    hosts = {host for text in asked for host in re.findall(r'"(?:http://)?([a-z]+):\d+"', text)}
    assert hosts == {"jaeger", "desk", "prometheus"}
    assert hosts <= blocks.keys()
    assert "COMPOSED_SPANS=http://collector:4318\n" in (TOP / "deploy/compose/observability.env").read_text("utf-8")
    assert "http: {endpoint: 0.0.0.0:4318}" in sent
