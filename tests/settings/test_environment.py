"""Variables that Kubernetes sets for Services beside the server are no settings; misspelt settings still are refused."""

import logging

import pytest

from graphql_api.errors import SettingsError
from graphql_api.observability.log_setup import begin_logging
from graphql_api.settings import Settings
from graphql_api.settings.environment import service_variables


def variables_of(service: str, address: str = "10.0.0.1", port: int = 80, named: str = "HTTP") -> dict[str, str]:
    """What a pod is given for a Service, as Kubernetes' documentation lists it."""
    url = f"tcp://[{address}]:{port}" if ":" in address else f"tcp://{address}:{port}"
    return {
        f"{service}_SERVICE_HOST": address,
        f"{service}_SERVICE_PORT": str(port),
        f"{service}_SERVICE_PORT_{named}": str(port),
        f"{service}_PORT": url,
        f"{service}_PORT_{port}_TCP": url,
        f"{service}_PORT_{port}_TCP_PROTO": "tcp",
        f"{service}_PORT_{port}_TCP_PORT": str(port),
        f"{service}_PORT_{port}_TCP_ADDR": address,
    }


@pytest.mark.parametrize(
    "service", ["COMPETENT", "COMPETENT_GRAPHQL", "COMPETENT_PORT", "COMPETENT_METRICS_2", "COMPETENT_KEYS"]
)
@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1"])
def test_variables_of_kubernetes_services_are_ignored(service: str, address: str) -> None:
    environment = variables_of(service, address, named="GRAPHQL_HTTP")

    assert Settings.from_environment(environment).checked() == Settings()
    assert service_variables(environment | {"PATH": "/bin"}) == environment.keys()


def test_a_kubernetes_service_named_competent_does_not_affect_settings() -> None:
    settings = Settings.from_environment(variables_of("COMPETENT") | {"COMPETENT_WORKERS": "2"})

    assert (settings.port, settings.workers) == (8000, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMPETENT_PORT", "tcp://10.0.0.1"),
        ("COMPETENT_PORT", "tcp://10.0.0.1:http"),
        ("COMPETENT_PORT", "http://10.0.0.1:80"),
        ("COMPETENT_PORT", "tcp://competent:80"),
        ("COMPETENT_PROT", "8000"),
        ("COMPETENT_UPSTREAM_PORT", "443"),
        ("COMPETENT_SERVICE_HOST", "0.0.0.0:80"),
        ("COMPETENT_SERVICE_PORT", "http"),
        ("COMPETENT_METRICS_PORT", "9100"),
        ("COMPETENT_GRAPHQL_PORT_80_TCP_PROTO", "http"),
        ("COMPETENT_SERVICE_HOSTS", "10.0.0.1"),
    ],
)
def test_a_misspelt_setting_like_a_service_variable_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})


def test_ignored_variables_are_logged_at_debug(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("graphql_api.observability.log_setup.start_logging", lambda *_: None)
    caplog.set_level(logging.DEBUG)
    for name, value in variables_of("COMPETENT_GRAPHQL").items():
        monkeypatch.setenv(name, value)

    begin_logging(Settings())

    (record,) = (record for record in caplog.records if "Kubernetes" in record.getMessage())
    assert record.levelno == logging.DEBUG
    assert "COMPETENT_GRAPHQL_PORT_80_TCP_ADDR" in record.getMessage()
