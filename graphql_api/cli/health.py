"""The command for container health checks: health."""

import http.client
import sys
from typing import Annotated

import typer

from graphql_api.errors import SettingsError
from graphql_api.settings import Settings

TIMEOUT = 2.0
"""Seconds for connecting, and for the response."""
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # only compared, never listened on


def health(
    ready: Annotated[bool, typer.Option("--ready", help="Check readiness instead of liveness.")] = False,
) -> None:
    """Check the health of the server on this machine.

    Exits with 0 if it is healthy, otherwise with 1. For container health checks: connects to COMPETENT_PORT on COMPETENT_HOST
    directly, without a proxy.
    """
    try:
        settings = Settings.from_environment()
        problem = _problem(settings, "/health/ready" if ready else "/health/live")
    except SettingsError as error:
        problem = str(error)
    if problem:
        print(f"competent-graphql: {problem}", file=sys.stderr)
        raise typer.Exit(1)


def _problem(settings: Settings, path: str) -> str | None:
    """Why the server is unhealthy, or None if it is healthy."""
    host = _ANY_ADDRESS.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(10_000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no response from {host}:{settings.port}: {error}"
    finally:
        connection.close()
    return None if response.status == 200 else f"{path} responds {response.status}: {body}"
