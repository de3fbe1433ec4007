"""What `deploy/` and the operators' page say is what the server does."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import graphql_api.metrics  # declares all there are
from graphql_api.settings import Settings, variable

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def known_metrics() -> set[str]:
    """The names that Prometheus sees of what is declared."""
    known = set()
    for family in REGISTRY.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        known |= {family.name + suffix for suffix in suffixes}
    return known


def expressions() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return asked + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_every_metric_of_the_dashboard_and_the_alerts_is_one_that_the_server_has() -> None:
    named = set(re.findall(r"\b(?:competent|process)_\w+", " ".join(expressions())))

    assert len(named) >= 15
    assert named - known_metrics() == set()


def test_every_metric_of_ours_is_on_the_dashboard_but_for_a_few() -> None:
    shown = " ".join(expressions())
    ours = {family.name for family in REGISTRY.collect() if family.name.startswith("competent_")}

    assert len({name for name in ours if name not in shown}) <= 8


def test_labels_that_are_asked_for_are_there() -> None:
    declared = {
        each._name: set(each._labelnames)
        for each in vars(graphql_api.metrics).values()
        if hasattr(each, "_labelnames") and hasattr(each, "_name")
    }
    for expression in expressions():
        for metric, selector in re.findall(r"(competent_\w+)\{([^}]*)\}", expression):
            name = re.sub(r"_(total|bucket|count|sum)$", "", metric)
            assert set(re.findall(r"(\w+)=", selector)) <= declared[name]


@pytest.mark.parametrize("file", ["compose.yaml", "kubernetes.yaml"])
def test_every_setting_in_a_manifest_is_one(file: str) -> None:
    text = (DEPLOY / file).read_text(encoding="utf-8")
    named = set(re.findall(r"COMPETENT_[A-Z_]+", text))

    assert named
    assert named <= {variable(each) for each in fields(Settings)}
    assert list(yaml.safe_load_all(text))


def test_the_manifest_asks_for_health_where_it_is_and_runs_as_nobody_on_a_read_only_file_system() -> None:
    deployment: dict[str, Any] = next(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert "--uid 10001" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    told = {each["name"]: each["value"] for each in container["env"]}
    assert pod["terminationGracePeriodSeconds"] > float(told["COMPETENT_DRAIN"]) + Settings().stop_timeout
