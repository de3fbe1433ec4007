"""What `deploy/` and the operators' page say is what the server does."""

import json
import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from prometheus_client import REGISTRY

import graphql_api.observability.metrics  # declares all there are
from graphql_api.settings import Settings, variable
from tests.test_commands import check, commands_of

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def known_metrics() -> set[str]:
    """The names that Prometheus sees of what is declared."""
    exported = set()
    for family in REGISTRY.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        exported |= {family.name + suffix for suffix in suffixes}
    return exported


def expressions() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return queries + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_dashboard_and_alerts_use_existing_metrics() -> None:
    named = set(re.findall(r"\b(?:competent|process)_\w+", " ".join(expressions())))

    assert len(named) >= 15
    assert named - known_metrics() == set()


def test_nearly_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(expressions())
    ours = {family.name for family in REGISTRY.collect() if family.name.startswith("competent_")}

    assert len({name for name in ours if name not in shown}) <= 6


def test_queried_labels_exist() -> None:
    declared = {
        metric._name: set(metric._labelnames)
        for metric in vars(graphql_api.observability.metrics).values()
        if hasattr(metric, "_labelnames") and hasattr(metric, "_name")
    }
    for expression in expressions():
        for metric, selector in re.findall(r"(competent_\w+)\{([^}]*)\}", expression):
            name = re.sub(r"_(total|bucket|count|sum)$", "", metric)
            assert set(re.findall(r"(\w+)=", selector)) <= declared[name]
        for labels, metric in re.findall(r"by \(([\w, ]+)\) \((?:rate\()?(competent_\w+)", expression):
            name = re.sub(r"_(total|bucket|count|sum)$", "", metric)
            assert set(labels.split(", ")) <= declared[name] | {"instance", "le"}


def test_queried_label_values_exist_in_the_code() -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "graphql_api").rglob("*.py"))
    values = {value for expression in expressions() for value in re.findall(r'\w+="(\w+)"', expression)}

    assert {value for value in values if f'"{value}"' not in source} == set()


KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def manifest(resource_type: str, name: str) -> dict[str, Any]:
    """The object of Kubernetes of this kind and name."""
    (result,) = (
        manifest for manifest in KUBERNETES if (manifest["kind"], manifest["metadata"]["name"]) == (resource_type, name)
    )
    return dict(result)


def pod(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod of a deployment, and its only container."""
    spec: dict[str, Any] = manifest("Deployment", name)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    return spec, container


def environment_of_the_manifest() -> dict[str, str]:
    return {item["name"]: item["value"] for item in pod("competent-graphql")[1]["env"]}


@pytest.mark.parametrize("file", ["compose.yaml", "kubernetes.yaml"])
def test_every_setting_in_a_manifest_exists(file: str) -> None:
    text = (DEPLOY / file).read_text(encoding="utf-8")
    named = set(re.findall(r"COMPETENT_[A-Z_]+", text))

    assert named
    assert named <= {variable(field) for field in fields(Settings)}


def test_the_settings_of_the_manifests_are_accepted() -> None:
    with_key = environment_of_the_manifest() | {"COMPETENT_API_KEY": "k3y"}
    assert Settings.from_environment(with_key).checked().access == "keys"
    assert Settings.from_environment(COMPOSE["services"]["competent"]["environment"]).checked().access == "keys"


def test_the_manifest_probes_health_and_runs_unprivileged() -> None:
    spec, container = pod("competent-graphql")

    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert spec["securityContext"]["runAsUser"] == 10001
    assert "--uid 10001" in DOCKERFILE
    environment = environment_of_the_manifest()
    assert spec["terminationGracePeriodSeconds"] > float(environment["COMPETENT_DRAIN"]) + Settings().stop_timeout


@pytest.mark.parametrize("name", ["competent-graphql", "competent-valkey"])
def test_no_pod_runs_as_root_or_gets_service_variables(name: str) -> None:
    spec, container = pod(name)

    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_replicas_share_one_rate_limit() -> None:
    assert manifest("Deployment", "competent-graphql")["spec"]["replicas"] > 1
    address = urlsplit(environment_of_the_manifest()["COMPETENT_STORE"])
    service = manifest("Service", str(address.hostname))["spec"]
    shared = manifest("Deployment", "competent-valkey")["spec"]

    assert address.scheme == "valkey"
    assert [port["port"] for port in service["ports"]] == [address.port]
    assert service["selector"].items() <= shared["template"]["metadata"]["labels"].items()
    assert shared["replicas"] == 1
    assert "deploy" not in COMPOSE["services"]["competent"]  # one container, whose processes share the plan
    assert "scale" not in COMPOSE["services"]["competent"]


def test_the_disruption_budget_allows_evictions_but_protects_one_pod() -> None:
    deployment = manifest("Deployment", "competent-graphql")["spec"]
    budget = manifest("PodDisruptionBudget", "competent-graphql")["spec"]

    assert 0 < budget["minAvailable"] < deployment["replicas"]
    assert budget["selector"] == deployment["selector"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_ingress_exposes_the_server_over_tls_but_not_metrics() -> None:
    ingress = manifest("Ingress", "competent-graphql")["spec"]
    (rule,) = ingress["rules"]
    (path,) = rule["http"]["paths"]
    target = path["backend"]["service"]
    (port,) = manifest("Service", target["name"])["spec"]["ports"]
    ports = {port["name"]: port["containerPort"] for port in pod("competent-graphql")[1]["ports"]}
    annotations = manifest("Deployment", "competent-graphql")["spec"]["template"]["metadata"]["annotations"]

    assert ingress["tls"][0]["hosts"] == [rule["host"]]
    assert target["port"]["name"] == port["name"]
    assert ports[port["targetPort"]] == Settings().port
    environment = environment_of_the_manifest()
    assert environment["COMPETENT_METRICS"] == annotations["prometheus.io/port"] == str(ports["metrics"])


def test_client_keys_are_mounted_at_the_configured_path() -> None:
    spec, container = pod("competent-graphql")
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
    mounts = {mount["mountPath"]: secrets.get(mount["name"]) for mount in container["volumeMounts"]}
    environment = environment_of_the_manifest()

    assert mounts[str(Path(environment["COMPETENT_KEYS_FILE"]).parent)] == "competent-keys"
    assert mounts[str(Path(environment["COMPETENT_API_KEY_FILE"]).parent)] == "competent"
    assert all(volume["secret"]["defaultMode"] == 0o440 for volume in spec["volumes"] if "secret" in volume)
    (of_the_image,) = re.findall(r"COMPETENT_KEYS_FILE=(\S+)", DOCKERFILE)
    folder = str(Path(of_the_image).parent)
    assert folder in re.findall(r'"([^"]+)"', DOCKERFILE.partition("VOLUME")[2])
    volumes = dict(volume.split(":") for volume in COMPOSE["services"]["competent"]["volumes"])
    assert folder in volumes.values()
    assert volumes.keys() == COMPOSE["volumes"].keys()


def test_the_memory_limit_covers_all_caches() -> None:
    """128 MB for documents, 32 MB for responses, and 215 MB for the process itself at real size, as measured."""
    settings = Settings()
    needed = settings.document_cache_bytes + settings.response_cache_bytes + 215_000_000
    limit = pod("competent-graphql")[1]["resources"]["limits"]["memory"]

    assert limit.endswith("Gi")
    assert int(limit[:-2]) * 2**30 > needed
    compose = COMPOSE["services"]["competent"]
    assert compose["mem_limit"].endswith("g")
    assert int(compose["mem_limit"][:-1]) * 2**30 > needed * int(compose["environment"]["COMPETENT_WORKERS"])


def test_there_are_alerts_for_a_process_that_is_down_or_not_ready() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    alerts = {rule["alert"]: rule["expr"] for rule in rules}

    assert "up{" in alerts["CompetentDown"]
    assert "absent(up{" in alerts["CompetentDown"]
    assert "competent_ready == 0" in alerts["CompetentNotReady"]


def test_the_doctor_runs_monthly_by_cron() -> None:
    lines = [line for line in text("doctor.cron").splitlines() if line and not line.startswith("#")]
    (job,) = (line for line in lines if not re.match(r"[A-Z_]+=", line))
    *times, user, program = job.split(" ", 6)

    check_monthly(" ".join(times))
    assert (user, shlex.split(program)[1:]) == ("competent", ["doctor"])
    for line in lines:
        check(shlex.split(line if line != job else program))


def test_the_doctor_runs_monthly_on_github() -> None:
    workflow = yaml.load(text("doctor-workflow.yaml"), yaml.BaseLoader)  # without booleans: `on` is a key
    (schedule,) = workflow["on"]["schedule"]
    job = workflow["jobs"]["doctor"]
    steps = {step["run"]: step for step in job["steps"] if "run" in step}
    doctor = steps["competent-graphql doctor --json > doctor.json"]
    attached = job["steps"][-1]

    check_monthly(schedule["cron"])
    assert workflow["permissions"] == {"contents": "read"}
    assert set(job) == {"runs-on", "timeout-minutes", "env", "steps"}
    assert {*job["env"], *doctor["env"]} <= set(map(variable, fields(Settings)))
    assert doctor["env"]["COMPETENT_API_KEY"] == "${{ secrets.COMPETENT_API_KEY }}"
    assert (attached["if"], attached["with"]["path"]) == ("always()", "doctor.json")
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)
    for run in steps:
        for words in commands_of(run):
            check(words[: words.index(">")] if ">" in words else words)


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def check_monthly(schedule: str) -> None:
    """Fail unless a schedule of cron has one time of one day of every month."""
    minute, hour, day, month, weekday = schedule.split()
    assert int(minute) in range(60)
    assert int(hour) in range(24)
    assert int(day) in range(1, 29)
    assert (month, weekday) == ("*", "*")
